/* Woven rows: how matrices lie in memory once their bytes are there. Groups of 16 rows take the place of the same rows in
   the file, so that a product reads one stream and finds 16 rows in 16 lanes:

     file   row 0: block block block ...  row 1: block block ...            block = 4-byte words, one half may be left over
     woven  block 0 of the 16 rows, block 1 of the 16 rows, ...
            of each: 16 halves where the block has one; word 0 of row 0 1 2 ... 15, word 1 of row 0 1 2 ... 15, ...

   Two more things are made easy to read. Halves (the scales, wherever in a block) are kept times 1024: none is subnormal
   then, and their floats need no exponent (f4_from_tame); so scales have to be below 64, as those of any model are. And
   codes of 5 and 6 bits, and all of Q4_K, are arranged anew, one run of 32 columns behind the other, as many words as a
   code has bits:

     word e + j, j < 4   columns 4j .. 4j + 3, and above them the upper 3 or 2 bits of columns 16 + 4j .. 16 + 4j + 3 (of
                         4-bit codes all); e = 0, 1, 2 for 4, 5, 6 bits
     word 0 .. e - 1     what is missing of those, 2 or 4 bits for each j, ascending; see matmul_words.h

   The rows behind the last group, and the float formats, stay as they are. */
#ifndef PAL_QUANT_WEAVE_H
#define PAL_QUANT_WEAVE_H

#include "quant.h"

#define PAL_WEFT 16u        /* rows of a group */
#define PAL_SCALE 0x1p-102f /* what woven scales are times when f4_from_tame reads them */

/* Leading rows of a matrix that are woven. */
static inline uint32_t pal_woven_rows(const pal_format *f, uint64_t rows) {
    return f->integer ? (uint32_t)rows & ~(PAL_WEFT - 1) : 0;
}
/* A block of 16 rows out of the file's layout, where row i begins at rows + i * stride; of fewer than 16 that are there
   the last is repeated. False: a scale is not below 64, and lost. */
bool pal_weave_rows(const pal_format *f, const uint8_t *rows, size_t stride, uint32_t there, uint8_t *to);
/* Row r < 16 of a woven block as it was in the file: f->bytes to `to`. */
void pal_unweave_block(const pal_format *f, const uint8_t *woven, uint32_t r, uint8_t *to);
/* A whole matrix of an integer format in place; staging takes 16 rows. False: a scale is not below 64. */
bool pal_weave(const pal_format *f, uint8_t *data, uint64_t rows, uint32_t cols, uint8_t *staging);
/* n bytes at `offset` of the matrix as the file had them. */
void pal_unweave_bytes(const pal_format *f, const uint8_t *data, uint32_t woven_rows, uint32_t cols, uint64_t offset,
                       uint8_t *to, size_t n);

#endif
