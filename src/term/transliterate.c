/* transliterate.c: what to write where an encoding has not a character: the letter
** without its accents, or what people write on such systems. The same on every system and
** in every locale, which the C library's own is not. */
#include <string.h>

#include <utf8proc.h>

#include "encoding.h"

/* What does not come apart by itself. */
static const struct {
  int32_t cp;
  const char *ascii;
} table[] = {
    {0xA1, "!"},    {0xA2, "c"},     {0xA3, "GBP"},  {0xA5, "JPY"},  {0xA6, "|"},
    {0xA9, "(c)"},  {0xAB, "<<"},    {0xAD, "-"},    {0xAE, "(R)"},  {0xB1, "+/-"},
    {0xB4, "'"},    {0xB7, "."},     {0xBB, ">>"},   {0xBF, "?"},    {0xC6, "AE"},
    {0xD0, "D"},    {0xD7, "x"},     {0xD8, "O"},    {0xDE, "TH"},   {0xDF, "ss"},
    {0xE6, "ae"},   {0xF0, "d"},     {0xF7, "/"},    {0xF8, "o"},    {0xFE, "th"},
    {0x110, "D"},   {0x111, "d"},    {0x126, "H"},   {0x127, "h"},   {0x131, "i"},
    {0x138, "q"},   {0x141, "L"},    {0x142, "l"},   {0x14A, "N"},   {0x14B, "n"},
    {0x152, "OE"},  {0x153, "oe"},   {0x166, "T"},   {0x167, "t"},   {0x18F, "E"},
    {0x192, "f"},   {0x259, "e"},    {0x2BC, "'"},   {0x2C6, "^"},   {0x2DC, "~"},
    {0x1E9E, "SS"}, {0x2010, "-"},   {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"},
    {0x2014, "-"},  {0x2015, "-"},   {0x2018, "'"},  {0x2019, "'"},  {0x201A, "'"},
    {0x201B, "'"},  {0x201C, "\""},  {0x201D, "\""}, {0x201E, "\""}, {0x201F, "\""},
    {0x2020, "+"},  {0x2022, "*"},   {0x2028, "\n"}, {0x2029, "\n"}, {0x2030, " 0/00"},
    {0x2032, "'"},  {0x2033, "\""},  {0x2039, "<"},  {0x203A, ">"},  {0x2043, "-"},
    {0x2044, "/"},  {0x20AC, "EUR"}, {0x2190, "<-"}, {0x2191, "^"},  {0x2192, "->"},
    {0x2193, "v"},  {0x21D0, "<="},  {0x21D2, "=>"}, {0x2212, "-"},  {0x2215, "/"},
    {0x2217, "*"},  {0x2219, "."},   {0x223C, "~"},  {0x2260, "!="}, {0x2264, "<="},
    {0x2265, ">="}, {0x25A0, "#"},   {0x25CF, "*"},
};

/* Of the 128 that draw boxes, from 2500: those that only go one way. The others are
** corners. */
static const unsigned char horizontal[] = {0x00, 0x01, 0x04, 0x05, 0x08, 0x09, 0x4C, 0x4D,
                                           0x50, 0x74, 0x76, 0x78, 0x7A, 0x7C, 0x7E};
static const unsigned char vertical[] = {0x02, 0x03, 0x06, 0x07, 0x0A, 0x0B, 0x4E, 0x4F,
                                         0x51, 0x75, 0x77, 0x79, 0x7B, 0x7D, 0x7F};

static const char *in_table(int32_t cp) {
  size_t low = 0, high = sizeof table / sizeof table[0];
  if (cp >= 0x2500 && cp < 0x2580) { /* lines of boxes */
    if (memchr(horizontal, cp - 0x2500, sizeof horizontal) != NULL) return "-";
    return memchr(vertical, cp - 0x2500, sizeof vertical) != NULL ? "|" : "+";
  }
  if (cp >= 0x2580 && cp < 0x25A0) return "#"; /* blocks */
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (table[middle].cp == cp) return table[middle].ascii;
    if (table[middle].cp < cp)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static int is_dropped(int32_t cp) {
  utf8proc_category_t c = utf8proc_category(cp);
  return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME ||
         c == UTF8PROC_CATEGORY_CF;
}

int lwt_transliterate(int32_t cp, int32_t out[LWT_TRANSLIT_MOST]) {
  int32_t parts[LWT_TRANSLIT_MOST];
  int boundary = 0, n = 0, ascii = 1;
  utf8proc_ssize_t i, count = 1;
  parts[0] = cp;
  if (in_table(cp) == NULL) {
    count = utf8proc_decompose_char(cp, parts, LWT_TRANSLIT_MOST,
                                    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    if (count < 0 || count > LWT_TRANSLIT_MOST / 2) return -1;
  }
  for (i = 0; i < count; i++) {
    const char *text = in_table(parts[i]);
    if (text == NULL) {
      if (is_dropped(parts[i])) continue;
      if (parts[i] >= 0x80) ascii = 0;
      out[n++] = parts[i];
    }
    for (; text != NULL && *text != '\0' && n < LWT_TRANSLIT_MOST - 1; text++)
      out[n++] = (unsigned char)*text;
    if (n >= LWT_TRANSLIT_MOST - 1) return -1;
  }
  if (!ascii && (n != 1 || out[0] == cp)) return -1;
  return n;
}
