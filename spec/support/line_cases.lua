-- What the keys of the line editor do: before, keys, after; "|" is the cursor.

local M = {}

-- What the editor does alone.
M.editor = {
  moving = {
    { "abc|", "left", "ab|c" }, { "ab|c", "ctrl-b", "a|bc" }, { "|abc", "ctrl-f", "a|bc" },
    { "|abc", "right right", "ab|c" }, { "abc|", "ctrl-a", "|abc" }, { "|abc", "ctrl-e", "abc|" },
    { "abc|", "home", "|abc" }, { "|abc", "end", "abc|" }, { "|one, two", "alt-f", "one|, two" },
    { "one|, two", "alt-f", "one, two|" }, { "one, two|", "alt-b", "one, |two" },
    { "one, |two", "ctrl-left", "|one, two" }, { "|one two", "ctrl-right", "one| two" },
    { "e\u{301}x|", "left left", "|e\u{301}x" }, { "日本|", "left", "日|本" },
    { "👩‍👩‍👧‍👦|", "left", "|👩‍👩‍👧‍👦" }, { "|🇩🇪🇫🇷", "right", "🇩🇪|🇫🇷" },
    { "|naïve café", "alt-f", "naïve| café" }, { "|abcdef", "alt-3 right", "abc|def" },
    { "abcdef|", "alt-2 alt-- ctrl-f", "abcde|f" }, { "abcdef|", "alt-- alt-2 ctrl-f", "abcd|ef" },
    { "|", "left", "|" }, { "|", "ctrl-e alt-f alt-b", "|" },
    { "one\ntw|o", "ctrl-a", "one\n|two" }, { "o|ne\ntwo", "ctrl-e", "one|\ntwo" },
    { "one\ntwo|", "up", "one|\ntwo" }, { "o|ne\ntwo", "down", "one\nt|wo" },
    { "long line|\na\nlonger", "down down", "long line\na\nlonger|" },
    { "one\ntwo|", "ctrl-home", "|one\ntwo" }, { "|one\ntwo", "ctrl-end", "one\ntwo|" },
    { "a|bcabc", "ctrl-] c", "ab|cabc" }, { "abcab|c", "ctrl-alt-] a", "abc|abc" },
    { "a|bcabc", "alt-2 ctrl-] c", "abcab|c" },
  },
  deleting = {
    { "abc|", "backspace", "ab|" }, { "ab|c", "ctrl-h", "a|c" }, { "a|bc", "delete", "a|c" },
    { "a|bc", "ctrl-d", "a|c" }, { "e\u{301}|", "backspace", "|" }, { "abcd|", "alt-2 backspace", "ab|" },
    { "a  |  b", "alt-\\", "a|b" }, { "one two|", "alt-backspace", "one |" },
    { "one |two three", "alt-d", "one | three" }, { "one a.b/c|", "ctrl-w", "one |" },
    { "one two|", "ctrl-u", "|" }, { "one| two", "ctrl-k", "one|" }, { "one| two", "ctrl-u", "| two" },
    { "a|b\nc", "ctrl-k", "a|\nc" }, { "ab|\nc", "ctrl-k", "ab|c" }, { "ab\n|c", "ctrl-u", "ab|c" },
    { "a b c|", "alt-3 alt-backspace", "|" }, { "|abc", "ctrl-delete", "|" },
    { "one two|", "ctrl-x backspace", "|" },
  },
  yanking = {
    { "one two|", "ctrl-w ctrl-y ctrl-y", "one twotwo|" },
    { "one two three|", "ctrl-w ctrl-w ctrl-y", "one two three|" },
    { "one two|", "alt-backspace left right ctrl-a alt-d ctrl-y alt-y", "two| " },
    { "one| two", "ctrl-k ctrl-u ctrl-y", "one two|" },
    { "ab|cd", "ctrl-space ctrl-a ctrl-w", "|cd" },
    { "ab|cd", "ctrl-space ctrl-e alt-w ctrl-y", "abcdcd|" },
    { "ab|cd", "ctrl-space ctrl-e ctrl-x ctrl-x", "ab|cd" },
    { "abc|", "ctrl-y", "abc|" },
  },
  changing = {
    { "ab|cd", "ctrl-t", "acb|d" }, { "abcd|", "ctrl-t", "abdc|" }, { "|ab", "ctrl-t", "|ab" },
    { "日本|", "ctrl-t", "本日|" }, { "one two|", "alt-t", "two one|" }, { "one| two", "alt-t", "two one|" },
    { "|one two", "alt-u", "ONE| two" }, { "|ONE two", "alt-l", "one| two" }, { "|one two", "alt-c", "One| two" },
    { "|äpfel", "alt-u", "ÄPFEL|" }, { "|straße", "alt-u", "STRASSE|" }, { "one two|", "alt-- alt-u", "one TWO|" },
    { "|one two", "alt-2 alt-c", "One Two|" }, { "|one", "alt-3 x", "xxx|one" },
    { "|abc", "insert x y", "xy|c" }, { "ab|", "ctrl-v ctrl-a", "ab\1|" }, { "ab|", "ctrl-q tab", "ab\t|" },
    { "|", "ctrl-v enter", "\r|" },
  },
  undoing = {
    { "|", "a b c ctrl-_", "|" }, { "|", "a b space c d ctrl-_", "ab |" },
    { "|", "a b space c d ctrl-_ ctrl-_", "|" }, { "|", "a b ctrl-_ alt-/", "ab|" },
    { "one two|", "ctrl-w ctrl-_", "one two|" }, { "one two|", "ctrl-w ctrl-x ctrl-u", "one two|" },
    { "abc|", "backspace backspace ctrl-_", "abc|" }, { "one two|", "ctrl-w x ctrl-w y alt-r", "one two|" },
    { "ab|", "x left y ctrl-_", "ab|x" }, { "abc|", "ctrl-_", "abc|" }, { "ab|", "c ctrl-_ d alt-/", "abd|" },
    { "ab|", "c ctrl-_ ctrl-a alt-/ ctrl-_", "|ab" }, { "ab|", "c ctrl-a ctrl-_ alt-/", "|abc" },
    { "one two|", "ctrl-w ctrl-y alt-y ctrl-_ ctrl-_ ctrl-_", "one two|" },
  },
  numbers_and_macros = {
    { "|", "alt-1 2 x", "xxxxxxxxxxxx|" }, { "|abcdefghijklmnop", "alt-1 alt-2 right", "abcdefghijkl|mnop" },
    { "|", "ctrl-x ( a b ctrl-x ) ctrl-x e", "abab|" }, { "|", "ctrl-x ( a ctrl-x ) alt-3 ctrl-x e", "aaaa|" },
    { "ab|", "escape b", "|ab" }, { "ab|", "ctrl-x q", "ab|" }, { "abc|", "alt-2 ctrl-g x", "abcx|" },
  },
  vi = {
    { "one two|", "escape", "one tw|o" }, { "one two|", "escape 0 x", "|ne two" },
    { "one two three|", "escape 0 d w", "|two three" }, { "one two three|", "escape 0 2 d w", "|three" },
    { "one two three|", "escape 0 d 2 w", "|three" }, { "one two|", "escape 0 c w x escape", "|x two" },
    { "one two three|", "escape 0 c w x escape w .", "x |x three" },
    { "one two|", "escape b D", "one| " }, { "a(b)c|", "escape 0 d %", "|c" },
    { "one two|", "escape 0 f t", "one |two" }, { "a.b.c|", "escape 0 f . ;", "a.b|.c" },
    { "a.b.c|", "escape 0 t . x", "|.b.c" }, { "abc|", "escape r x", "ab|x" }, { "abc|", "escape 0 ~ ~", "AB|c" },
    { "one two|", "escape b y w 0 P", "tw|oone two" }, { "abc|", "escape d d", "|" },
    { "abc|", "escape i x escape u", "ab|c" }, { "abc|", "escape 0 x x u u", "|abc" },
    { "abc|", "escape A d escape", "abc|d" }, { "abc|", "escape I z escape", "|zabc" },
    { "abc|", "escape 0 R x y escape", "x|yc" }, { "one two|", "escape 0 e", "on|e two" },
    { "one-two three|", "escape 0 W", "one-two |three" }, { "one-two|", "escape 0 w", "one|-two" },
    { "abcdef|", "escape 0 3 l", "abc|def" }, { "abc|", "escape S x", "x|" },
  },
}

-- What it does with a history (git add, git commit, make), with words to complete (alpha, alphabet, beta),
-- and with keys for the commands that have none.
M.session = {
  history = {
    { "x|", "ctrl-p", "make|" }, { "x|", "ctrl-p ctrl-p ctrl-n", "make|" }, { "x|", "alt-<", "git add|" },
    { "x|", "alt-< alt->", "x|" }, { "git|", "up", "git commit|" }, { "git|", "up up down", "git commit|" },
    { "git|", "alt-p alt-p alt-n", "git commit|" }, { "git|", "pageup pageup pagedown", "git commit|" },
    { "x|", "ctrl-r o m", "git c|ommit" }, { "x|", "ctrl-r o m ctrl-g", "x|" },
    { "|", "alt-< ctrl-s m", "git com|mit" }, { "|", "ctrl-r z", "|" },
    { "cp |", "alt-.", "cp make|" }, { "cp |", "alt-. alt-.", "cp commit|" },
    { "cp |", "ctrl-p ctrl-n ctrl-alt-y", "cp |" },
  },
  keys_of_their_own = {
    { "one t|wo", "f1", "|" }, { "a/b c/d|", "f2", "a/b c/|" }, { "ab|", "f3", "ab|" },
    { "a|b", "f4", "a|" }, { "|ab", "f5 x", "xxxx|ab" }, { "ab|c", "f6", "ab|c" }, { "ab|c", "ctrl-l", "ab|c" },
    { "a|", "alt-tab b", "a\tb|" }, { "one|", "f7 escape b", "|one" },
    { "one\ntwo|", "f11", "one|\ntwo" }, { "o|ne\ntwo", "f12", "one\nt|wo" }, { "o|ne", "alt-enter", "o\n|ne" },
    { "|", "ctrl-x ( a b f10 ctrl-x e", "abab|" },
  },
  completing = {
    { "al|", "tab", "alpha|" }, { "alphab|", "tab", "alphabet|" }, { "al|", "shift-tab", "alphabet|" },
    { "al|", "f9", "alpha|" }, { "al|", "f9 f9", "alphabet|" }, { "alpha|", "alt-?", "alpha|" },
    { "alpha|", "alt-= left", "alph|a" }, { "zz|", "tab", "zz|" },
  },
  vi_more = {
    { "one two|", "escape 0 c c x escape", "|x" }, { "a b|", "escape 0 l x X", "|b" },
    { "a\nb|", "escape k J", "a| b" },
    { "one|", "escape o x escape", "one\n|x" }, { "one|", "escape 0 a x escape", "o|xne" },
    { "one two|", "escape 0 C x escape", "|x" }, { "one|", "escape 0 s x escape", "|xne" },
    { "one\ntwo|", "escape k j", "one\ntw|o" }, { "|", "escape k", "mak|e" },
    { "one|", "escape 2 G", "git commi|t" },
    { "one|", "escape / o m escape", "git c|ommit" }, { "one|", "escape / g i escape n", "git ad|d" },
    { "one|", "escape / g i escape n N", "git commi|t" }, { "one|", "escape ? z ctrl-g", "on|e" },
    { "one|", "escape 0 x U", "|one" }, { "one|", "escape 0 x u ctrl-r", "|ne" },
    { "one|", "f8 ctrl-a", "|one" }, { "one|", "escape h h", "|one" },
  },
}

-- What ends the line: before, keys, what the screen shows then.
M.ends = {
  { "ab|c", "enter", "> abc" }, { "ab|c", "ctrl-j", "> abc" }, { "ab|c", "alt-#", "> --abc" },
  { "abc|", "ctrl-p ctrl-p ctrl-o", "> git commit" }, { "ab|c", "ctrl-c", "> abc" }, { "|", "ctrl-d", ">" },
  { "|", "f4", ">" },
}

local function words(text)
  local list = {}
  for _, word in ipairs { "alpha", "alphabet", "beta" } do
    if word:find(text, 1, true) == 1 then list[#list + 1] = word end
  end
  return list
end

-- What the reader of such a line is given. (Whoever killed before it is forgotten.)
function M.options(kind, case)
  local read_line = require "lwt.read_line"
  local kills = require "lwt.read_line.kills"
  kills.shared = kills.new()
  local history = read_line.history()
  for _, s in ipairs { "git add", "git commit", "make" } do history:add(s) end
  return {
    prompt = "> ", initial = case[1]:gsub("|", "", 1), history = history, complete = words,
    mode = kind:find "^vi" and "vi" or "emacs", multiline = true,
    keys = {
      f1 = "kill-whole-line", f2 = "unix-filename-rubout", f3 = "do-nothing", f4 = "delete-char-or-list",
      f5 = "universal-argument", f6 = "redraw-current-line", f7 = "vi-editing-mode", f8 = "emacs-editing-mode",
      f9 = "menu-complete", f10 = "end-kbd-macro", f11 = "previous-line",
      f12 = "next-line",
    },
  }
end

return M
