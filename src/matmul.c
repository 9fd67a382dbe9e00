/* Integer formats: woven groups of 16 rows (quant_weave.h). Two ways through them, instantiated per format:
     few tokens   groups_F: codes and scales go straight from the stream into the products of one token
     many tokens  stage_F unpacks 256 columns of a group once; tile multiplies them with two tokens at a time
   Rows that are not woven are woven on the way. The order of every sum is in matmul.h; the scalar twin that must give the
   same bits is in tests/c/test_matmul.c. */
#include "matmul.h"
#include "matmul_blocks.h"
#include "quant_weave.h"
#include "team.h"

/* ---- a run of 32 columns, 16 rows, one token ---- */

/* What the compiler must know of a format; all constant after inlining. */
typedef struct {
    uint32_t runs, bytes; /* runs of 32 per block, bytes per block */
    int32_t offset;       /* subtracted from each code */
    int32_t lift; /* codes of 5 bits without an offset: 16 are subtracted where sums have 16 bits, and added again */
    bool pairs, min, wide; /* a scale per 16; a minimum; codes of the whole int8 range */
    bool deep;             /* many runs a block */
    head (*head)(const uint8_t *p, uint32_t r);
    scales (*scale)(const uint8_t *p, const head *h, uint32_t s, uint32_t r);
    i4 (*minima)(const head *h, uint32_t s);
    void (*codes)(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]);
    u4 (*extra)(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r);
    uint32_t shared; /* so many steps j, 4 or 2, share a word of extra bits: 8 / shared bits each */
    uint32_t words;  /* from run to run the codes lie so many words apart; 0: among each other */
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

/* Sums of products of columns 0..15 (half 0, or all 32 without pairs) or 16..31 of a run. Narrow builds have them in 16 bits:
   what a sum starts at centres the codes, so that it fits in the end, and what it is modulo 2^16 on the way does not matter. */
PAL_INLINE bool in16(const kind *f) { return PAL_NARROW_DOT && !f->wide; }
PAL_INLINE h8 minus16(const kind *f, const pal_act_run *x, uint32_t half) {
    const h8 of = (h8)b16_four(x->minus[half]);
    return f->pairs ? of : of + (h8)b16_four(x->minus[1]);
}
PAL_INLINE int32_t minus32(const kind *f, const pal_act_run *x, uint32_t half) {
    return x->minus[half][0] + x->minus[half][1] + (f->pairs ? 0 : x->minus[1][0] + x->minus[1][1]);
}
PAL_INLINE i4 start(const kind *f, const pal_act_run *x, uint32_t half) {
    if (in16(f)) return f->offset + f->lift ? (i4)(minus16(f, x, half) * (int16_t)(f->offset + f->lift)) : i4_set(0);
    if (f->wide) return i4_dot_b16_start(x->below);
    return i4_set(f->offset * minus32(f, x, half));
}
PAL_INLINE i4 add(const kind *f, b16 x, b16 w, i4 to) {
    if (f->wide) return i4_dot_b16(x, w, to);
    if (in16(f)) return (i4)((h8u)to + (h8u)h8_dot_b16_u7(x, w));
    return i4_dot_b16_u7(x, w, to);
}
/* A sum, times the scale of its columns where a block has many of them (deep). */
PAL_INLINE i4 total(const kind *f, const pal_act_run *x, uint32_t half, i4 sum, i4 scale) {
    if (!in16(f)) return f->deep ? sum * scale : sum;
    const h8 by = f->deep ? (h8)scale : (h8)u4_kept(0x10001);
    const i4 centred = i4_dot((h8)sum, by);
    return f->lift ? centred - i4_dot(minus16(f, x, half) * (int16_t)f->lift, by) : centred;
}
/* acc, or the part of a block, + the run, once its integer sums are known. */
PAL_INLINE f4 finish(const kind *f, const scales *z, const pal_act_run *x, i4 low, i4 high, f4 acc) {
    low = total(f, x, 0, low, z->g[0]);
    if (f->pairs) low += total(f, x, 1, high, z->g[1]);
    if (f->deep) return f4_madd(f4_set(x->d), f4_from(low), acc);
    const f4 dx = f4_set(x->d) * f4_kept(1 / PAL_SCALE);
    acc = f4_madd(z->A * dx, f4_from(low), acc);
    return f->min ? f4_madd(z->B * dx, f4_from(i4_set(-minus32(f, x, 0))), acc) : acc;
}
/* The minima of two neighbours times the sums they belong to. */
PAL_INLINE i4 minimum(const kind *f, i4 m, const pal_act_run *x) {
    return i4_dot((h8)m, (h8)b16_four(f->pairs ? x->halves : x->both));
}
/* acc + the minima of a block. */
PAL_INLINE f4 with_minima(f4 m, const pal_act_run *x, i4 minima, f4 acc) {
    return f4_madd(m * f4_set(x->unit), f4_from(minima), acc);
}

/* ---- few tokens ---- */

enum { FEW = 3 }; /* up to so many tokens go one by one */

/* Memory that is brought near on the way, line by line between the products: a core that waits for many lines at once has
   no room for instructions behind them. */
enum { LINE = 64 };
typedef struct {
    const uint8_t *from, *near; /* what the run at `from` touches first */
    uint32_t shift, step;       /* near goes on 2^shift times slower; from one of the four steps of a run to the next */
} nearing;

/* What the run at p touches first. */
PAL_INLINE const uint8_t *near_to(const uint8_t *p, const nearing *way) {
    return way->near + ((uint32_t)(p - way->from) >> way->shift);
}
PAL_INLINE uint32_t run_bytes(const kind *f) { return 16 * f->bytes / f->runs; }

/* The sums of run s of p, rows 4 r0 .. 4 (r0 + n) - 1 of the 16, one token. The compiler must not see that
   pointers go on together: it would count them from one, and add all constants where loads have room for them. */
PAL_INLINE void run_of(const kind *f, const uint8_t *p, uint32_t s, const uint32_t r0, const uint32_t n, const token *x,
                       const nearing *way, i4 low[4], i4 high[4]) {
    const uint32_t steps = 4 / n; /* written out: of two fours of rows as much as of four */
    const uint32_t lines = r0 ? 0 : (run_bytes(f) / 4 + LINE / 2) / LINE; /* touched in each step */
    const uint32_t in_run = f->words ? 0 : s;
    const uint8_t *at = p + s * f->words * 64, *more = at, *near = near_to(p + s * run_bytes(f), way);
    const int8_t *q = x->q;
    u4 extra[4];
    PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
        extra[r] = f->extra(more, in_run, 0, r0 + r);
        low[r] = start(f, x->run, 0);
        high[r] = f->pairs ? start(f, x->run, 1) : i4_set(0);
    }
    PAL_ROLLED for (uint32_t j = 0; j < 4;) {
        PAL_UNROLL for (uint32_t r = 0; r < n; r++) /* the next word, where four steps have more than one */
            if (f->shared < 4) extra[r] = f->extra(more, in_run, 0, r0 + r);
        PAL_ROLLED for (uint32_t end = j + f->shared; j < end;) PAL_UNROLL for (uint32_t i = 0; i < steps; i++, j++) {
            b16 x0 = b16_four(q), x1 = b16_four(q + 16), w[4][2];
            PAL_UNROLL for (uint32_t k = 0; k < lines; k++) pal_touch(near + k * LINE);
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
                f->codes(at, in_run, 0, r0 + r, extra[r], w[r]);
                extra[r] >>= 8 / f->shared;
            }
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) low[r] = add(f, x0, w[r][0], low[r]);
            PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
                i4 *to = f->pairs ? &high[r] : &low[r];
                *to = add(f, x1, w[r][1], *to);
            }
            at += 64, q += 4, near += way->step;
            PAL_UNSEEN(at);
            PAL_UNSEEN(q);
            PAL_UNSEEN(near);
        }
        more += 64;
        PAL_UNSEEN(more);
    }
}

/* y = 16 rows of `blocks` blocks times one token, `more`: added to what is there. */
PAL_INLINE void rows16(const kind *f, const uint8_t *p, uint32_t blocks, const nearing *way, token x, bool more,
                       float *y) {
    /* Fours of rows at a time: registers have room for the sums of four and what makes them, not for those of eight. */
    const uint32_t n = PAL_FAST_DOT && f->pairs ? 2 : 4;
    f4 acc[4];
    PAL_UNROLL for (uint32_t r = 0; r < 4; r++) acc[r] = more ? f4_load(y + 4 * r) : f4_set(0);
    do {
        head h[4];
        f4 part[4];
        PAL_UNROLL for (uint32_t r = 0; r < 4; r++) h[r] = f->head(p, r), part[r] = f->deep ? f4_set(0) : acc[r];
        if (f->deep && f->min) {
            i4 sum[4] = {{0}};
            PAL_ROLLED for (uint32_t s = 0; s < f->runs; s += f->pairs ? 1 : 2)
                PAL_UNROLL for (uint32_t r = 0; r < 4; r++) sum[r] += minimum(f, f->minima(&h[r], s), x.run + s);
            PAL_UNROLL for (uint32_t r = 0; r < 4; r++) acc[r] = with_minima(h[r].m, x.run, sum[r], acc[r]);
        }
        PAL_ROLLED for (uint32_t s = 0; s < f->runs; s++) {
            PAL_UNROLL for (uint32_t r0 = 0; r0 < 4; r0 += n) {
                i4 low[4], high[4];
                run_of(f, p, s, r0, n, &x, way, low, high);
                PAL_UNROLL for (uint32_t r = 0; r < n; r++) {
                    scales z = f->scale(p, &h[r0 + r], s, r0 + r);
                    part[r0 + r] = finish(f, &z, x.run, low[r], high[r], part[r0 + r]);
                }
            }
            x = token_run(x, 1);
        }
        PAL_UNROLL for (uint32_t r = 0; r < 4; r++) acc[r] = f->deep ? f4_madd(h[r].d, part[r], acc[r]) : part[r];
        p += 16 * f->bytes;
    } while (--blocks);
    PAL_UNROLL for (uint32_t r = 0; r < 4; r++) f4_store(y + 4 * r, acc[r]);
}
/* Some blocks of `n` groups of 16 rows. */
typedef struct {
    const uint8_t *p;
    uint32_t blocks, n;
    uint32_t bytes, near, rows; /* from group to group: at p, in what is touched, of y */
    nearing way;                /* of the first */
} stretch;

PAL_INLINE void groups(const kind *f, const stretch *z, token x, bool more, float *y) {
    const uint8_t *p = z->p;
    nearing way = z->way;
    for (uint32_t n = z->n; n; n--, p += z->bytes, y += z->rows) {
        rows16(f, p, z->blocks, &way, x, more, y);
        way.from += z->bytes, way.near += z->near;
    }
}

/* ---- many tokens ---- */

enum { TOKENS = 64, COLS = 256, RUNS = COLS / 32 };

/* 256 columns of 16 rows, unpacked. */
typedef struct {
    b16 codes[RUNS][8][4]; /* [run][column / 4][row / 4] */
    scales scale[RUNS][4];
    i4 minima[RUNS][4];
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
            if (f->deep && f->min && (f->pairs || s % 2 == 0)) to->minima[run][r] = f->minima(&h, s);
            PAL_ROLLED for (uint32_t j = 0; j < 4; j++) {
                b16 w[2];
                f->codes(p, s, j, r, f->extra(p, s, j, r) >> j % f->shared * (8 / f->shared), w);
                to->codes[run][j][r] = w[0], to->codes[run][4 + j][r] = w[1];
            }
        }
        if (r == 3) at += f->runs;
    }
}

/* Half of a run, or all of it: four columns at a time, two tokens. */
PAL_INLINE void half_run(const kind *f, uint32_t half, const b16 (*w)[4], const token x[2], i4 sum[2][4]) {
    const int8_t *q0 = x[0].q + 16 * half, *q1 = x[1].q + 16 * half;
    const uint32_t n = f->pairs ? 4 : 8;
    PAL_UNROLL for (int r = 0; r < 4; r++) {
        sum[0][r] = start(f, x[0].run, half);
        sum[1][r] = start(f, x[1].run, half);
    }
    PAL_ROLLED for (uint32_t j = 0; j < n; j++) {
        b16 x0 = b16_four(q0 + 4 * j), x1 = b16_four(q1 + 4 * j);
        PAL_UNROLL for (int r = 0; r < 4; r++) sum[0][r] = add(f, x0, w[j][r], sum[0][r]);
        PAL_UNROLL for (int r = 0; r < 4; r++) sum[1][r] = add(f, x1, w[j][r], sum[1][r]);
    }
}
/* acc + the minima of a staged block. */
PAL_INLINE void staged_minima(const kind *f, const staged *w, const pal_act_run *x, f4 acc[4]) {
    PAL_ROLLED for (uint32_t r = 0; r < 4; r++) {
        i4 sum = {0};
        PAL_ROLLED for (uint32_t s = 0; s < RUNS; s += f->pairs ? 1 : 2) sum += minimum(f, w->minima[s][r], x + s);
        acc[r] = with_minima(w->m[r], x, sum, acc[r]);
    }
}
/* Staged runs times two tokens, added to their sums. */
PAL_INLINE void tile(const kind *f, const staged *w, uint32_t runs, token x0, token x1, f4 *acc0, f4 *acc1) {
    token x[2] = {x0, x1};
    f4 part[2][4], *acc[2] = {acc0, acc1};
    if (f->deep && f->min) PAL_ROLLED for (int t = 0; t < 2; t++) staged_minima(f, w, x[t].run, acc[t]);
    PAL_UNROLL for (int t = 0; t < 2; t++) PAL_UNROLL for (int r = 0; r < 4; r++) part[t][r] =
        f->deep ? f4_set(0) : acc[t][r];
    PAL_ROLLED for (uint32_t s = 0; s < runs; s++) {
        i4 low[2][4], high[2][4] = {{{0}}};
        half_run(f, 0, w->codes[s], x, low);
        if (f->pairs) half_run(f, 1, w->codes[s] + 4, x, high);
        PAL_UNROLL for (int t = 0; t < 2; t++) {
            PAL_UNROLL for (int r = 0; r < 4; r++) part[t][r] =
                finish(f, &w->scale[s][r], x[t].run, low[t][r], high[t][r], part[t][r]);
            x[t] = token_run(x[t], 1);
        }
    }
    PAL_UNROLL for (int t = 0; t < 2; t++) PAL_UNROLL for (int r = 0; r < 4; r++) acc[t][r] =
        f->deep ? f4_madd(w->d[r], part[t][r], acc[t][r]) : part[t][r];
}

/* One tile serves all formats of the same traits. */
typedef void tiles(int32_t offset, const staged *w, uint32_t runs, token x0, token x1, f4 *acc0, f4 *acc1);
#define TILES(name, ...)                                                                                          \
    PAL_APART void name(int32_t offset, const staged *w, uint32_t runs, token x0, token x1, f4 *acc0, f4 *acc1) { \
        const kind f = {.offset = offset, __VA_ARGS__};                                                           \
        tile(&f, w, runs, x0, x1, acc0, acc1);                                                                    \
    }
TILES(tile_plain)
TILES(tile_min, .lift = 16, .min = true)
TILES(tile_wide, .wide = true)
TILES(tile_deep, .lift = 16, .deep = true, .min = true)
TILES(tile_pairs, .deep = true, .pairs = true)
TILES(tile_pairs_min, .deep = true, .pairs = true, .min = true)

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
    void (*groups)(const stretch *z, token x, bool more, float *y);
    void (*stage)(const uint8_t *p, uint32_t blocks, staged *to);
    tiles *tile;
} ways;

/* Blocks of groups, from block b of their rows on, times all tokens. */
static void stretch_of_few(const ways *f, const stretch *z, const pal_act *a, uint32_t b, float *y, uint32_t stride) {
    for (uint32_t t = 0; t < a->n; t++) f->groups(z, token_at(a, t, b * f->runs), b > 0, y + (size_t)t * stride);
}
/* n woven groups from the row `group` (of the tensor) on, few tokens. Some cores look far ahead themselves, and are only
   disturbed; others wait for each line that nobody has asked for in time: what lies `ahead` bytes ahead is touched. Others
   again read several places faster than one: with PAL_STREAMS a stretch of each quarter is multiplied in turn, and meanwhile
   what follows it in all quarters is touched, a line of each in turn. A stretch is a group, or a piece of one so long that
   eight of them would not stay in the second cache. Quarters of fewer than LEAST groups gain nothing: the first stretches
   are read as they come. */
enum { STRETCH = 32768, LEAST = 8 };
static void groups_of_few(const ways *f, const pal_mat *w, const pal_act *a, uint32_t group, uint32_t n, float *y,
                          uint32_t stride) {
    const uint32_t block = 16 * w->format->bytes, blocks = w->cols / w->format->block, bytes = blocks * block;
    const uint32_t step = block / f->runs / 4, pieces = 1 + bytes / STRETCH, most = (blocks + pieces - 1) / pieces;
    const uint32_t each = a->ahead == PAL_STREAMS && n >= LEAST * PAL_STREAMS ? n / PAL_STREAMS : 0;
    const uint32_t ahead = a->ahead == PAL_STREAMS ? PAL_AHEAD : a->ahead;
    const uint8_t *p = w->data + (size_t)(group / 16) * bytes, *end = w->data + (size_t)(w->woven / 16) * bytes;
    stretch z = {.n = PAL_STREAMS, .bytes = each * bytes, .rows = 16 * each};
    for (uint32_t i = 0; i < each * blocks; i += z.blocks) {
        const uint32_t b = i % blocks, left = blocks - b, many = left < most ? left : most, size = many * block;
        const bool last = i + 2 * many > each * blocks;
        z.p = p + (size_t)i * block, z.blocks = many, z.near = last ? z.bytes : size / PAL_STREAMS;
        z.way = last ? (nearing){z.p, z.p, 0, step} : (nearing){z.p, z.p + size, 2, z.bytes};
        stretch_of_few(f, &z, a, b, y + 16 * (i / blocks), stride);
    }
    for (uint32_t i = PAL_STREAMS * each; i < n; i += z.n) {
        const uint8_t *at = p + (size_t)i * bytes;
        const uint32_t left = n - i, many = pieces > 1 ? 1 : left < 4 ? left : 4; /* what stays near for all tokens */
        const bool more = (size_t)(end - at) - (size_t)many * bytes >= ahead;
        z = (stretch){at, blocks, many, bytes, bytes, 16, {at, at + (more ? ahead : 0), 0, step}};
        stretch_of_few(f, &z, a, 0, y + 16 * i, stride);
    }
}

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
    for (uint32_t group = first & ~15u, n; group < end; group += 16 * n) {
        uint32_t from = group < first ? first - group : 0, to = end - group < 16 ? end - group : 16;
        n = from || a->n > FEW || woven < group + 16 ? 0 : (woven - group) / 16;
        float *out = y + (group + from - first);
        if (n)
            groups_of_few(f, w, a, group, n, out, stride);
        else
            group_of_many(f, w, a, group, from, to, out, stride), n = 1;
    }
}

#define INTEGER(F, tile, head, scale, minima, extra, shared, words, offset, lift, pairs, min, wide)                 \
    static const kind kind_##F = {                                                                                  \
        PAL_BLOCK_##F / 32, PAL_BYTES_##F, offset, lift, pairs, min, wide, PAL_BLOCK_##F > 32, head, scale, minima, \
        codes_##F,          extra,         shared, words};                                                          \
    PAL_APART void groups_##F(const stretch *z, token x, bool more, float *y) { groups(&kind_##F, z, x, more, y); } \
    PAL_APART void stage_##F(const uint8_t *p, uint32_t n, staged *to) { stage(&kind_##F, p, n, to); }              \
    static const ways ways_##F = {PAL_BLOCK_##F / 32, offset, groups_##F, stage_##F, tile};
// clang-format off
/*      format  tile            head       scale       minima       extra       shared words offset lift pairs min    wide */
INTEGER(Q4_0,   tile_plain,     head_none, scale_d,    minima_none, extra_none, 4,     0,     8,     0,  false, false, false)
INTEGER(Q4_1,   tile_min,       head_none, scale_dm,   minima_none, extra_none, 4,     0,     0,     0,  false, true,  false)
INTEGER(Q5_0,   tile_plain,     head_none, scale_d,    minima_none, extra_Q5_0, 4,     0,     16,    0,  false, false, false)
INTEGER(Q5_1,   tile_min,       head_none, scale_dm,   minima_none, extra_Q5_1, 4,     0,     0,     16, false, true,  false)
INTEGER(Q8_0,   tile_wide,      head_none, scale_d,    minima_none, extra_none, 4,     0,     0,     0,  false, false, true)
INTEGER(Q2_K,   tile_pairs_min, head_Q2_K, scale_Q2_K, minima_Q2_K, extra_none, 4,     0,     0,     0,  true,  true,  false)
INTEGER(Q3_K,   tile_pairs,     head_Q3_K, scale_Q3_K, minima_none, extra_none, 4,     0,     4,     0,  true,  false, false)
INTEGER(Q4_K,   tile_deep,      head_K,    scale_K,    minima_K,    extra_none, 4,     4,     0,     0,  false, true,  false)
INTEGER(Q5_K,   tile_deep,      head_K,    scale_K,    minima_K,    extra_Q5_K, 4,     5,     0,     16, false, true,  false)
INTEGER(Q6_K,   tile_pairs,     head_Q6_K, scale_Q6_K, minima_none, extra_Q6_K, 2,     6,     32,    0,  true,  false, false)
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
