/* What the tokenizers need to know of Unicode: a class per code point, and UTF-8 read as llama.cpp reads it. */
#ifndef PAL_UNICODE_H
#define PAL_UNICODE_H

#include "base.h"

/* Classes of general categories. White space is its own class (none of its members is in another one). */
enum { PAL_CP_OTHER, PAL_CP_N, PAL_CP_L, PAL_CP_M, PAL_CP_P, PAL_CP_S, PAL_CP_SPACE };

uint32_t pal_cp_class(uint32_t cp);

/* Reads one code point of n > 0 bytes and returns the bytes used. Invalid bytes give U+FFFD and use one byte; overlong
   forms and surrogates pass, as in llama.cpp. */
size_t pal_utf8_get(const uint8_t *p, size_t n, uint32_t *cp);
/* Writes 1 to 4 bytes and returns how many. */
size_t pal_utf8_put(uint8_t *p, uint32_t cp);

#endif
