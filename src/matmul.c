/* Integer formats: woven groups of 16 rows (quant_weave.h). Two ways through them, instantiated per format:
     few tokens   groups_F: codes and scales go straight from the stream into the products of one token
     many tokens  stage_F unpacks 256 columns of a group once; tile multiplies them with two tokens at a time
   Rows that are not woven are woven on the way. The order of every sum is in matmul.h; the scalar twin that must give the
   same bits is in tests/c/test_matmul.c. */
#include "matmul.h"
#include "matmul_blocks.h"
#include "quant_weave.h"

/* ---- activations ---- */

size_t pal_act_bytes(uint32_t n, uint32_t cols) {
    if (cols % 32) return 0;
    size_t runs = (size_t)n * (cols / 32);
    return pal_align(runs * 32) + pal_align(runs * sizeof(pal_act_run));
}

/* 32 activations: scale max|x|/127, codes rounded to nearest even; below 2^-90 all is zero. The maximum is taken over
   the bits of |x|, which order like the values and put NaN above inf: a block beyond 2^32, where no model's are, gets
   codes 0 and the scale inf or NaN, so y is NaN. */
static pal_act_run quantise32(const float *x, uint32_t run, int8_t *q) {
    pal_act_run made;
    i4 most = {0};
    for (uint32_t i = 0; i < 32; i += 4) most = i4_max((i4)f4_abs(f4_load(x + i)), most);
    float max = pal_bits_f32((uint32_t)i4_top(most)[0]);
    bool usual = max >= 0x1p-90f && max <= 0x1p32f; /* else the codes are 0 */
    float inverse = usual ? 127.0f / max : 0;
    i4 negative = {0};
    for (uint32_t half = 0; half < 2; half++) {
        i4 sum = {0}, codes[4];
        PAL_UNROLL for (uint32_t i = 0; i < 4; i++) {
            const i4 magic =
                i4_set(0x4b400000); /* 1.5 * 2^23: the addition rounds to an integer, found in the low bits */
            i4 code = (i4)(f4_load(x + 16 * half + 4 * i) * f4_set(inverse) + (f4)magic) - magic;
            codes[i] = usual ? code : i4_set(0);
            sum += codes[i];
            negative -= codes[i] & (codes[i] < 0);
        }
        b16_store(q + 16 * half, b16_from(codes));
        made.s[half] = (int16_t)i4_sum(sum);
    }
    made.below = (int16_t)i4_sum(negative);
    made.d = usual ? max / 127.0f : max < 0x1p-90f ? 0 : max * __builtin_inff();
    made.in_word = made.d * pal_bits_f32((127 - run % 4 * 8) << 23);
    made.sum = made.in_word * (float)(made.s[0] + made.s[1]);
    return made;
}

pal_act pal_act_make(const float *x, uint32_t n, uint32_t cols, void *scratch) {
    if (cols % 32) return (pal_act){.x = x, .n = n, .cols = cols};
    int8_t *q = scratch;
    pal_act_run *runs = (pal_act_run *)(void *)(q + pal_align((size_t)n * cols));
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t run = 0; run < cols / 32; run++) {
            const size_t at = (size_t)t * (cols / 32) + run;
            runs[at] = quantise32(x + 32 * at, run, q + 32 * at);
        }
    return (pal_act){x, q, runs, n, cols, 0};
}

/* ---- a run of 32 columns, 16 rows, one token ---- */

/* What the compiler must know of a format; all constant after inlining. */
typedef struct {
    uint32_t runs, bytes;  /* runs of 32 per block, bytes per block */
    int32_t offset;        /* subtracted from each code */
    uint32_t fit;          /* sums of two products that fit into 16 bits together: 8, 4, 2 of codes below 16, 32, 64 */
    bool pairs, min, wide; /* a scale per 16; a minimum; codes of the whole int8 range, summed in 32 bits (fit 8) */
    bool deep;             /* many runs a block */
    head (*head)(const uint8_t *p, uint32_t r);
    scales (*scale)(const uint8_t *p, const head *h, uint32_t s, uint32_t r);
    void (*codes)(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]);
    u4 (*extra)(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r);
    uint32_t shared; /* so many steps j, 4 or 2, share a word of extra bits: 8 / shared bits each */
} kind;

/* Activations of a token from some column on. */
typedef struct {
    const int8_t *q;
    const pal_act_run *run;
} token;

PAL_INLINE token token_at(const pal_act *a, uint32_t t, size_t run) {
    size_t at = t * (size_t)(a->cols / 32) + run;
    return (token){a->q + 32 * at, a->runs + at};
}
PAL_INLINE token token_run(token t, uint32_t run) { return (token){t.q + 32 * run, t.run + run}; }

/* A sum of products that grows; what narrow builds have not added up yet is still in 16 bits. */
typedef struct {
    i4 sum;
    h8 last;
} tally;

PAL_INLINE void add(const kind *f, tally *to, b16 x, b16 w) {
    if (f->wide)
        to->sum = i4_dot_b16(x, w, to->sum);
    else if (PAL_NARROW_DOT)
        to->last += h8_dot_b16_u7(x, w);
    else
        to->sum = i4_dot_b16_u7(x, w, to->sum);
}
PAL_INLINE void settle(const kind *f, tally *to, const uint32_t n) { /* after `fit` products */
    if (!PAL_NARROW_DOT || f->wide) return;
    PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
        to[r].sum += i4_pairs(to[r].last);
        to[r].last = (h8){0};
    }
}
/* What the sum of columns 0..15 (half 0, or all 32 without pairs) or 16..31 starts at. */
PAL_INLINE i4 start(const kind *f, const token *x, uint32_t half) {
    if (f->wide) return i4_dot_b16_start(x->run->below);
    if (f->pairs) return i4_set(-f->offset * x->run->s[half]);
    return i4_set(-f->offset * (x->run->s[0] + x->run->s[1]));
}
/* acc, or the part of a block, + the run, once its integer sums are known. */
PAL_INLINE f4 finish(const kind *f, const scales *z, const pal_act_run *x, i4 low, i4 high, f4 acc) {
    if (f->pairs) return f4_madd(f4_set(x->d), f4_from(low * z->g[0] + high * z->g[1]), acc);
    if (f->deep) return f4_madd(z->A * f4_set(x->in_word), f4_from(low), acc);
    const f4 dx = f4_set(x->d) * f4_kept(1 / PAL_SCALE);
    acc = f4_madd(z->A * dx, f4_from(low), acc);
    return f->min ? f4_madd(z->B * dx, f4_from(i4_set(x->s[0] + x->s[1])), acc) : acc;
}
/* The minima of a block + those of a run. */
PAL_INLINE f4 minimum(const kind *f, const scales *z, const pal_act_run *x, f4 minima) {
    if (!f->pairs) return f4_madd(z->B, f4_set(x->sum), minima);
    return f4_madd(f4_set(x->d), f4_from(z->m[0] * x->s[0] + z->m[1] * x->s[1]), minima);
}

/* ---- few tokens ---- */

enum { FEW = 3 }; /* up to so many tokens go one by one */

/* Memory that is brought near on the way, line by line between the products: a core that waits for many lines at once has
   no room for instructions behind them. Either what lies `ahead` bytes ahead; or, `ahead` being PAL_PAGES, of the four pages
   behind the four that are read as much of each as of these is read: four pages at once are then on their way. */
enum { LINE = 64, PAGE = PAL_PAGES / 4 };
typedef struct {
    uint32_t ahead, window,
        step; /* window: PAL_PAGES - 1 or 0; step: from one of the four steps of a run to the next */
} nearing;

PAL_INLINE uint32_t run_bytes(const kind *f) { return 16 * f->bytes / f->runs; }
/* For n bytes at p in runs of `run` bytes; where something behind `end` would be touched, what is read anyway is. */
PAL_APART nearing nearing_of(const uint8_t *p, uint32_t n, uint32_t run, const uint8_t *end, uint32_t ahead) {
    const bool pages = ahead == PAL_PAGES;
    const uint32_t last = (uint32_t)(uintptr_t)(p + n - 1) % PAL_PAGES,
                   over = pages ? 2 * PAL_PAGES - last + LINE : ahead;
    if ((size_t)(end - p) - n < over) return (nearing){0, 0, run / 4};
    return (nearing){ahead, pages ? PAL_PAGES - 1 : 0, pages ? PAGE : run / 4};
}
/* What the run at p touches first. */
PAL_INLINE const uint8_t *near_to(const uint8_t *p, const nearing *way) {
    const uint32_t in = (uint32_t)(uintptr_t)p & way->window;
    return p + way->ahead - in + in / 4;
}

/* The integer sums of run s of p, rows 4 r0 .. 4 (r0 + n) - 1 of the 16, one token. The compiler must not see that the three
   pointers go on together: it would count them from one, and add all constants where loads have room for them. */
PAL_INLINE void run_of(const kind *f, const uint8_t *p, uint32_t s, const uint32_t r0, const uint32_t n, const token *x,
                       const nearing *way, tally low[4], tally high[4]) {
    const uint32_t fit = f->pairs ? f->fit : f->fit / 2;
    const uint32_t few = PAL_NARROW_DOT && fit < f->shared ? fit : f->shared;
    const uint32_t steps = 4 / n; /* written out: of two fours of rows as much as of four */
    const uint32_t lines = r0 ? 0 : (run_bytes(f) / 4 + LINE / 2) / LINE; /* touched in each step */
    const uint8_t *at = p, *near = near_to(p + s * run_bytes(f), way);
    const int8_t *q = x->q;
    u4 extra[4];
    PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
        extra[r] = f->extra(p, s, 0, r0 + r);
        low[r] = (tally){.sum = start(f, x, 0)};
        high[r] = (tally){.sum = f->pairs ? start(f, x, 1) : i4_set(0)};
    }
    PAL_ROLLED for (uint32_t j = 0; j < 4;) {
        PAL_UNROLL for (uint32_t r = 0; r < n; r++) /* the next word, where four steps have more than one */
            if (f->shared < 4) extra[r] = f->extra(p, s, j, r0 + r);
        PAL_ROLLED for (uint32_t end = j + few; j < end;) PAL_UNROLL for (uint32_t i = 0; i < steps; i++, j++) {
            b16 x0 = b16_four(q), x1 = b16_four(q + 16), w[4][2];
            PAL_UNROLL for (uint32_t k = 0; k < lines; k++) pal_touch(near + k * LINE);
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
                f->codes(at, s, 0, r0 + r, extra[r], w[r]);
                extra[r] >>= 8 / f->shared;
            }
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) add(f, &low[r], x0, w[r][0]);
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) add(f, f->pairs ? &high[r] : &low[r], x1, w[r][1]);
            at += 64, q += 4, near += way->step;
            PAL_UNSEEN(at);
            PAL_UNSEEN(q);
            PAL_UNSEEN(near);
        }
        settle(f, low, n);
        if (f->pairs) settle(f, high, n);
    }
}

/* acc + the minima of a block. */
PAL_INLINE void minima(const kind *f, const uint8_t *p, const head h[4], const pal_act_run *x, f4 acc[4]) {
    f4 sum[4] = {{0}};
    PAL_ROLLED for (uint32_t s = 0; s < f->runs; s++, x++) PAL_UNROLL for (uint32_t r = 0; r < 4; r++) {
        scales z = f->scale(p, &h[r], s, r);
        sum[r] = minimum(f, &z, x, sum[r]);
    }
    PAL_UNROLL for (uint32_t r = 0; r < 4; r++) acc[r] = f4_madd(h[r].m, sum[r], acc[r]);
}
/* y = 16 rows of `blocks` blocks times one token. */
PAL_INLINE void rows16(const kind *f, const uint8_t *p, uint32_t blocks, const nearing *way, token x, float *y) {
    /* Fours of rows at a time: registers have room for the sums of four and what makes them, not for those of eight. */
    const uint32_t n = PAL_FAST_DOT && f->pairs ? 2 : 4;
    f4 acc[4] = {{0}};
    do {
        head h[4];
        f4 part[4];
        PAL_UNROLL for (uint32_t r = 0; r < 4; r++) h[r] = f->head(p, r), part[r] = f->deep ? f4_set(0) : acc[r];
        if (f->deep && f->min) minima(f, p, h, x.run, acc);
        PAL_ROLLED for (uint32_t s = 0; s < f->runs; s++) {
            PAL_UNROLL for (uint32_t r0 = 0; r0 < 4; r0 += n) {
                tally low[4], high[4];
                run_of(f, p, s, r0, n, &x, way, low, high);
                PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
                    scales z = f->scale(p, &h[r0 + r], s, r0 + r);
                    part[r0 + r] = finish(f, &z, x.run, low[r].sum, high[r].sum, part[r0 + r]);
                }
            }
            x = token_run(x, 1);
        }
        PAL_UNROLL for (uint32_t r = 0; r < 4; r++) acc[r] = f->deep ? f4_madd(h[r].d, part[r], acc[r]) : part[r];
        p += 16 * f->bytes;
    } while (--blocks);
    PAL_UNROLL for (uint32_t r = 0; r < 4; r++) f4_store(y + 4 * r, acc[r]);
}
/* n groups behind each other, of a matrix whose groups go on to `end`, times all tokens. */
PAL_INLINE void groups(const kind *f, const uint8_t *p, uint32_t n, const uint8_t *end, const pal_act *a, float *y,
                       uint32_t stride) {
    const uint32_t blocks = a->cols / (32 * f->runs), bytes = blocks * 16 * f->bytes;
    for (; n; n--, p += bytes, y += 16) {
        const nearing way = nearing_of(p, bytes, run_bytes(f), end, a->ahead);
        for (uint32_t t = 0; t < a->n; t++) rows16(f, p, blocks, &way, token_at(a, t, 0), y + (size_t)t * stride);
    }
}

/* ---- many tokens ---- */

enum { TOKENS = 64, COLS = 256, RUNS = COLS / 32 };

/* 256 columns of 16 rows, unpacked. */
typedef struct {
    b16 codes[RUNS][8][4]; /* [run][column / 4][row / 4] */
    scales scale[RUNS][4];
    f4 d[4], m[4]; /* of deep formats, whose block this is */
} staged;

PAL_INLINE void stage(const kind *f, const uint8_t *p, uint32_t blocks, staged *to) {
    uint32_t at = 0;
    PAL_ROLLED for (; blocks; blocks--, p += 16 * f->bytes) PAL_ROLLED for (uint32_t r = 0; r < 4; r++) {
        head h = f->head(p, r);
        if (f->deep) to->d[r] = h.d, to->m[r] = h.m;
        PAL_ROLLED for (uint32_t s = 0; s < f->runs; s++) {
            uint32_t run = at + s;
            to->scale[run][r] = f->scale(p, &h, s, r);
            PAL_ROLLED for (uint32_t j = 0; j < 4; j++) {
                b16 w[2];
                f->codes(p, s, j, r, f->extra(p, s, j, r) >> j % f->shared * (8 / f->shared), w);
                to->codes[run][j][r] = w[0], to->codes[run][4 + j][r] = w[1];
            }
        }
        if (r == 3) at += f->runs;
    }
}

/* Half of a run: four columns at a time, two tokens. */
PAL_INLINE void half_run(const kind *f, const b16 (*w)[4], const int8_t *q0, const int8_t *q1, uint32_t n,
                         tally sum[2][4]) {
    const uint32_t few = PAL_NARROW_DOT && f->fit < n ? f->fit : n;
    PAL_ROLLED for (uint32_t j = 0; j < n;) {
        PAL_ROLLED for (uint32_t end = j + few; j < end; j++) {
            b16 x0 = b16_four(q0 + 4 * j), x1 = b16_four(q1 + 4 * j);
            PAL_UNROLL for (int r = 0; r < 4; r++) add(f, &sum[0][r], x0, w[j][r]);
            PAL_UNROLL for (int r = 0; r < 4; r++) add(f, &sum[1][r], x1, w[j][r]);
        }
        settle(f, sum[0], 4), settle(f, sum[1], 4);
    }
}
/* acc + a block. */
PAL_INLINE f4 whole(const kind *f, const staged *w, int r, f4 part, f4 minima, f4 acc) {
    if (!f->deep) return part;
    return f4_madd(w->d[r], part, f->min ? f4_madd(w->m[r], minima, acc) : acc);
}
/* Staged runs times two tokens, added to their sums. */
PAL_INLINE void tile(const kind *f, const staged *w, uint32_t runs, token x0, token x1, f4 acc0[4], f4 acc1[4]) {
    f4 part[2][4], minima[2][4];
    PAL_UNROLL for (int r = 0; r < 4; r++) {
        part[0][r] = f->deep ? f4_set(0) : acc0[r], part[1][r] = f->deep ? f4_set(0) : acc1[r];
        minima[0][r] = minima[1][r] = f4_set(0);
    }
    PAL_ROLLED for (uint32_t s = 0; s < runs; s++) {
        tally low[2][4], high[2][4];
        PAL_UNROLL for (int r = 0; r < 4; r++) {
            low[0][r] = (tally){.sum = start(f, &x0, 0)}, low[1][r] = (tally){.sum = start(f, &x1, 0)};
            high[0][r] = (tally){.sum = start(f, &x0, 1)}, high[1][r] = (tally){.sum = start(f, &x1, 1)};
        }
        half_run(f, w->codes[s], x0.q, x1.q, f->pairs ? 4 : 8, low);
        if (f->pairs) half_run(f, w->codes[s] + 4, x0.q + 16, x1.q + 16, 4, high);
        PAL_UNROLL for (int r = 0; r < 4; r++) {
            part[0][r] = finish(f, &w->scale[s][r], x0.run, low[0][r].sum, high[0][r].sum, part[0][r]);
            part[1][r] = finish(f, &w->scale[s][r], x1.run, low[1][r].sum, high[1][r].sum, part[1][r]);
            if (f->deep && f->min) {
                minima[0][r] = minimum(f, &w->scale[s][r], x0.run, minima[0][r]);
                minima[1][r] = minimum(f, &w->scale[s][r], x1.run, minima[1][r]);
            }
        }
        x0 = token_run(x0, 1), x1 = token_run(x1, 1);
    }
    PAL_UNROLL for (int r = 0; r < 4; r++) {
        acc0[r] = whole(f, w, r, part[0][r], minima[0][r], acc0[r]);
        acc1[r] = whole(f, w, r, part[1][r], minima[1][r], acc1[r]);
    }
}

/* One tile serves all formats of the same traits, and fits the largest codes of them. */
typedef void tiles(int32_t offset, const staged *w, uint32_t runs, token x0, token x1, f4 acc0[4], f4 acc1[4]);
#define TILES(name, ...)                                                                                              \
    PAL_APART void name(int32_t offset, const staged *w, uint32_t runs, token x0, token x1, f4 acc0[4], f4 acc1[4]) { \
        const kind f = {.offset = offset, __VA_ARGS__};                                                               \
        tile(&f, w, runs, x0, x1, acc0, acc1);                                                                        \
    }
TILES(tile_plain, .fit = 4)
TILES(tile_min, .fit = 4, .min = true)
TILES(tile_wide, .fit = 8, .wide = true)
TILES(tile_deep, .fit = 4, .deep = true, .min = true)
TILES(tile_pairs, .fit = 2, .deep = true, .pairs = true)
TILES(tile_pairs_min, .fit = 8, .deep = true, .pairs = true, .min = true)

/* ---- rows by groups ---- */

/* Blocks from column block b on of the group of 16 rows at row (of the tensor), woven: where they lie, or woven into
   `room` for rows that are not; the last row is repeated where the tensor ends. */
static const uint8_t *blocks_of(const pal_mat *w, uint32_t row, size_t b, uint32_t blocks, uint8_t *room) {
    size_t bytes = w->format->bytes, row_bytes = w->cols / w->format->block * bytes;
    const uint8_t *group = w->data + row * row_bytes;
    if (row < w->woven) return group + b * 16 * bytes;
    uint32_t there = w->first + w->rows - row;
    for (uint32_t i = 0; i < blocks; i++)
        pal_weave_rows(w->format, group + (b + i) * bytes, row_bytes, there, room + i * 16 * bytes);
    return room;
}

/* The three ways of a format through a group. */
typedef struct {
    uint32_t runs; /* per block */
    int32_t offset;
    void (*groups)(const uint8_t *p, uint32_t n, const uint8_t *end, const pal_act *a, float *y, uint32_t stride);
    void (*stage)(const uint8_t *p, uint32_t blocks, staged *to);
    tiles *tile;
} ways;

/* Rows from .. to of the group of 16 rows at `group` (of the tensor), many tokens or not woven; y at row `from`. */
static void group_of_many(const ways *f, const pal_mat *w, const pal_act *a, uint32_t group, uint32_t from, uint32_t to,
                          float *y, uint32_t stride) {
    const size_t blocks = w->cols / (32 * f->runs), step = RUNS / f->runs;
    uint8_t room[RUNS * 16 * 34];
    staged unpacked;
    for (uint32_t t0 = 0; t0 < a->n; t0 += TOKENS) {
        f4 acc[TOKENS][4];
        uint32_t T = a->n - t0 < TOKENS ? a->n - t0 : TOKENS;
        for (uint32_t t = 0; t < T; t++)
            for (int r = 0; r < 4; r++) acc[t][r] = f4_set(0);
        for (size_t b = 0; b < blocks; b += step) {
            uint32_t n = (uint32_t)(blocks - b < step ? blocks - b : step);
            f->stage(blocks_of(w, group, b, n, room), n, &unpacked);
            for (uint32_t t = 0; t < T; t += 2) { /* an odd token at the end keeps itself company */
                uint32_t u = t + 1 < T ? t + 1 : t;
                f4 other[4];
                f->tile(f->offset, &unpacked, n * f->runs, token_at(a, t0 + t, b * f->runs),
                        token_at(a, t0 + u, b * f->runs), acc[t], u > t ? acc[u] : other);
            }
        }
        for (uint32_t t = 0; t < T; t++) {
            float *out = y + (size_t)(t0 + t) * stride;
            for (uint32_t r = 0; r < 4 && to - from == 16; r++) f4_store(out + 4 * r, acc[t][r]);
            for (uint32_t r = from; r < to && to - from < 16; r++) out[r - from] = acc[t][r / 4][r % 4];
        }
    }
}

/* Runs of whole woven groups for few tokens go at once; anything else group by group. */
static void walk(const ways *f, const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y,
                 uint32_t stride) {
    const uint32_t first = w->first + row0, end = w->first + row1, woven = end < w->woven ? end : w->woven;
    const size_t row_bytes = pal_format_bytes(w->format, w->cols);
    for (uint32_t group = first & ~15u, n; group < end; group += 16 * n) {
        uint32_t from = group < first ? first - group : 0, to = end - group < 16 ? end - group : 16;
        n = from || a->n > FEW || woven < group + 16 ? 0 : (woven - group) / 16;
        float *out = y + (group + from - first);
        if (n)
            f->groups(w->data + group * row_bytes, n, w->data + w->woven * row_bytes, a, out, stride);
        else
            group_of_many(f, w, a, group, from, to, out, stride), n = 1;
    }
}

#define INTEGER(F, tile, head, scale, extra, shared, offset, fit, pairs, min, wide)                         \
    static const kind kind_##F = {PAL_BLOCK_##F / 32, PAL_BYTES_##F, offset, fit,       pairs, min,   wide, \
                                  PAL_BLOCK_##F > 32, head,          scale,  codes_##F, extra, shared};     \
    PAL_APART void groups_##F(const uint8_t *p, uint32_t n, const uint8_t *end, const pal_act *a, float *y, \
                              uint32_t stride) {                                                            \
        groups(&kind_##F, p, n, end, a, y, stride);                                                         \
    }                                                                                                       \
    PAL_APART void stage_##F(const uint8_t *p, uint32_t n, staged *to) { stage(&kind_##F, p, n, to); }      \
    static const ways ways_##F = {PAL_BLOCK_##F / 32, offset, groups_##F, stage_##F, tile};
// clang-format off
/*      format  tile            head       scale       extra       shared offset fit pairs  min    wide */
INTEGER(Q4_0,   tile_plain,     head_none, scale_d,    extra_none, 4,     8,     8,  false, false, false)
INTEGER(Q4_1,   tile_min,       head_none, scale_dm,   extra_none, 4,     0,     8,  false, true,  false)
INTEGER(Q5_0,   tile_plain,     head_none, scale_d,    extra_Q5_0, 4,     16,    4,  false, false, false)
INTEGER(Q5_1,   tile_min,       head_none, scale_dm,   extra_Q5_1, 4,     0,     4,  false, true,  false)
INTEGER(Q8_0,   tile_wide,      head_none, scale_d,    extra_none, 4,     0,     8,  false, false, true)
INTEGER(Q2_K,   tile_pairs_min, head_Q2_K, scale_Q2_K, extra_none, 4,     0,     8,  true,  true,  false)
INTEGER(Q3_K,   tile_pairs,     head_Q3_K, scale_Q3_K, extra_none, 4,     4,     8,  true,  false, false)
INTEGER(Q4_K,   tile_deep,      head_K,    scale_K,    extra_none, 4,     0,     8,  false, true,  false)
INTEGER(Q5_K,   tile_deep,      head_K,    scale_K,    extra_Q5_K, 4,     0,     4,  false, true,  false)
INTEGER(Q6_K,   tile_pairs,     head_Q6_K, scale_Q6_K, extra_Q6_K, 2,     32,    2,  true,  false, false)
// clang-format on

/* ---- entries ---- */

/* The way of each row of the table of formats; the float formats have their own file. */
static const ways *ways_of(uint32_t type) {
    switch (type) {
    case PAL_TYPE_Q4_0:
        return &ways_Q4_0;
    case PAL_TYPE_Q4_1:
        return &ways_Q4_1;
    case PAL_TYPE_Q5_0:
        return &ways_Q5_0;
    case PAL_TYPE_Q5_1:
        return &ways_Q5_1;
    case PAL_TYPE_Q8_0:
        return &ways_Q8_0;
    case PAL_TYPE_Q2_K:
        return &ways_Q2_K;
    case PAL_TYPE_Q3_K:
        return &ways_Q3_K;
    case PAL_TYPE_Q4_K:
        return &ways_Q4_K;
    case PAL_TYPE_Q5_K:
        return &ways_Q5_K;
    case PAL_TYPE_Q6_K:
        return &ways_Q6_K;
    default:
        return NULL;
    }
}

void pal_matmul_rows(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride) {
    PAL_ASSERT(a->cols == w->cols && w->cols % w->format->block == 0 && row1 <= w->rows);
    PAL_ASSERT(!w->format->integer || a->q);
    if (w->format->integer)
        walk(ways_of(w->format->type), w, a, row0, row1, y, stride);
    else
        pal_matmul_float(w, a, row0, row1, y, stride);
}

void pal_mat_row(const pal_mat *w, uint32_t row, float *out) {
    const pal_format *f = w->format;
    size_t bytes = f->bytes, row_bytes = pal_format_bytes(f, w->cols);
    PAL_ASSERT(row < w->rows);
    row += w->first;
    if (row >= w->woven) {
        f->unpack(w->data + row * row_bytes, out, w->cols);
        return;
    }
    const uint8_t *p = w->data + (row & ~15u) * row_bytes;
    for (uint32_t c = 0; c < w->cols; c += f->block, p += 16 * bytes) {
        uint8_t block[256];
        pal_unweave_block(f, p, row % 16, block);
        f->unpack(block, out + c, f->block);
    }
}
