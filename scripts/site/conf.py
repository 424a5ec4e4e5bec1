# Sphinx makes the site (make site) of what scripts/site/stage.lua lays out.
import os

project = "lwt"
html_title = "lwt " + os.environ.get("LWT_VERSION", "")
extensions = ["myst_parser"]
myst_heading_anchors = 4  # the reference's links name headings as GitHub does
html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 2, "collapse_navigation": True}
html_show_search_summary = False  # it would be fetched, which a browser does not do from a folder
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
highlight_language = "none"
# "…" stands for what a program would have there.
suppress_warnings = ["misc.highlighting_failure"]
