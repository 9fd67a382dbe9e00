/* The part of regular expressions that the pre-tokenizers use, compiled to steps and matched over code points.

   Understood: characters, \r \n \t \s \S \p{L} \p{M} \p{N} \p{P} \p{S}, [sets] with ranges and ^, [set&&[^ascii]],
   (?:a|b), (?i:a|b) for ASCII, (?!x) for one character or set, $, and ? * + {n} {n,m}, all greedy. First alternative
   wins, as in ECMAScript. A quantified character or set gives back; a group never does, which is the same when no
   pattern needs it (none here). Code points from 128 that are white space belong to \s only, never to a range, as in
   llama.cpp. A match of nothing counts as none.

   Time: a step that repeats without bound scans a run once per alternative and start; `dead` below keeps a run from
   being scanned again from each of its positions. */
#include "tokenizer_internal.h"

enum { OP_ALTERNATIVE = 1, OP_END, OP_CHAR, OP_FOLD, OP_SET, OP_GROUP, OP_NOT_AHEAD, OP_AT_END };
enum { UNBOUNDED = 0xffff, NOTHING = 0xffff };

/* ---- compiling ---- */

typedef struct {
    pre_program *p;
    const uint8_t *at;
    bool fold, failed;
} compiler;

static COLD pre_step *emit(compiler *c, uint8_t op, uint32_t arg) {
    if (c->p->n_steps == PRE_STEPS) {
        c->failed = true;
        return &c->p->step[PRE_STEPS - 1];
    }
    pre_step *s = &c->p->step[c->p->n_steps++];
    *s = (pre_step){.op = op, .arg = (uint8_t)arg, .min = 1, .max = 1};
    return s;
}

static COLD void add_ascii(pre_set *s, uint32_t low, uint32_t high) {
    for (uint32_t i = low; i <= high && i < 128; i++) s->ascii[i / 32] |= 1u << (i % 32);
}

static COLD void add_range(compiler *c, pre_set *s, uint32_t low, uint32_t high) {
    add_ascii(s, low, high);
    if (high < 128) return;
    if (c->p->n_ranges == PRE_RANGES) {
        c->failed = true;
        return;
    }
    uint32_t *r = c->p->range[c->p->n_ranges++];
    r[0] = low < 128 ? 128 : low;
    r[1] = high;
    s->end = (uint16_t)c->p->n_ranges;
}

static COLD void add_class(pre_set *s, uint32_t class) {
    s->classes |= (uint8_t)(1u << class);
    for (uint32_t i = 0; i < 128; i++)
        if (pal_cp_class(i) == class) add_ascii(s, i, i);
}

static COLD void negate(pre_set *s) {
    for (int i = 0; i < 4; i++) s->ascii[i] = ~s->ascii[i];
    s->negated = !s->negated;
}

static COLD uint32_t character(compiler *c) {
    uint32_t cp, n = 0;
    while (n < 4 && c->at[n]) n++;
    if (!n) {
        c->failed = true;
        return 0;
    }
    c->at += pal_utf8_get(c->at, n, &cp);
    return cp;
}

/* Behind a backslash: a class into s (true), or a character into *cp. */
static COLD bool escape(compiler *c, pre_set *s, uint32_t *cp) {
    uint32_t letter = character(c);
    *cp = letter == 'r' ? '\r' : letter == 'n' ? '\n' : letter == 't' ? '\t' : letter;
    if (letter == 's' || letter == 'S') {
        add_class(s, PAL_CP_SPACE);
        if (letter == 'S') negate(s);
        return true;
    }
    if (letter != 'p') return false;
    static const char names[] = "?NLMPS";
    uint32_t class = 0;
    c->failed |= character(c) != '{';
    uint32_t name = character(c);
    for (uint32_t i = 1; i < sizeof names - 1; i++)
        if ((uint32_t)names[i] == name) class = i;
    c->failed |= !class || character(c) != '}';
    add_class(s, class);
    return true;
}

/* Behind '['. Returns the set by value; its ranges are in the program. */
static COLD pre_set bracket(compiler *c, bool nested) {
    pre_set s = {.first = (uint16_t)c->p->n_ranges, .end = (uint16_t)c->p->n_ranges};
    bool inverse = *c->at == '^';
    c->at += inverse;
    while (*c->at != ']' && !c->failed) {
        if (c->at[0] == '&' && c->at[1] == '&' && c->at[2] == '[' && !nested && !inverse) {
            c->at += 3;
            pre_set other = bracket(c, true);
            c->failed |= !other.negated || other.classes || other.first != other.end;
            for (int i = 0; i < 4; i++) s.ascii[i] &= other.ascii[i];
            c->failed |= *c->at != ']';
            break;
        }
        uint32_t low = character(c), high;
        if (low == '\\' && escape(c, &s, &low)) continue;
        high = low;
        if (c->at[0] == '-' && c->at[1] != ']') {
            c->at++;
            high = character(c);
            if (high == '\\') c->failed |= escape(c, &s, &high);
        }
        add_range(c, &s, low, high);
    }
    c->at += !c->failed; /* ] */
    if (inverse) negate(&s);
    return s;
}

static COLD uint32_t keep_set(compiler *c, pre_set s) {
    if (c->p->n_sets == PRE_SETS) {
        c->failed = true;
        return 0;
    }
    c->p->set[c->p->n_sets] = s;
    return c->p->n_sets++;
}

static COLD uint32_t number(compiler *c) {
    uint32_t n = 0;
    c->failed |= *c->at < '0' || *c->at > '9';
    while (*c->at >= '0' && *c->at <= '9' && n < 6000) n = n * 10 + (*c->at++ - '0');
    return n;
}

static COLD void quantifier(compiler *c, pre_step *s) {
    if (*c->at == '?')
        s->min = 0;
    else if (*c->at == '*')
        s->min = 0, s->max = UNBOUNDED;
    else if (*c->at == '+')
        s->max = UNBOUNDED;
    else if (*c->at == '{') {
        c->at++;
        s->min = s->max = (uint16_t)number(c);
        if (*c->at == ',') c->at++, s->max = (uint16_t)number(c);
        c->failed |= *c->at != '}' || s->max < s->min;
    } else
        return;
    c->at += !c->failed;
}

/* One character or set, without quantifier. */
static COLD pre_step *single(compiler *c) {
    pre_set s = {.first = (uint16_t)c->p->n_ranges, .end = (uint16_t)c->p->n_ranges};
    uint32_t cp = character(c);
    if (cp == '[') return emit(c, OP_SET, keep_set(c, bracket(c, false)));
    if (cp == '\\' && escape(c, &s, &cp)) return emit(c, OP_SET, keep_set(c, s));
    c->failed |= cp >= 128;
    bool letter = c->fold && (cp | 32) >= 'a' && (cp | 32) <= 'z';
    return emit(c, letter ? OP_FOLD : OP_CHAR, letter ? cp | 32 : cp);
}

static COLD void alternatives(compiler *c);

static COLD void item(compiler *c) {
    if (*c->at == '$') {
        c->at++;
        emit(c, OP_AT_END, 0);
        return;
    }
    if (*c->at != '(') {
        quantifier(c, single(c));
        return;
    }
    c->failed |= c->at[1] != '?';
    if (c->failed) return;
    if (c->at[2] == '!') {
        c->at += 3;
        pre_step *s = single(c);
        c->failed |= s->op != OP_SET || *c->at != ')';
        s->op = OP_NOT_AHEAD;
        c->at += !c->failed;
        return;
    }
    bool fold = c->fold;
    c->fold = c->at[2] == 'i';
    c->at += c->fold ? 3 : 2;
    c->failed |= *c->at != ':';
    if (c->failed) return;
    c->at++;
    pre_step *group = emit(c, OP_GROUP, 0);
    alternatives(c);
    c->failed |= *c->at != ')';
    c->at += !c->failed;
    group->next = (uint16_t)c->p->n_steps;
    quantifier(c, group);
    c->fold = fold;
}

static COLD void alternatives(compiler *c) {
    for (;;) {
        pre_step *head = emit(c, OP_ALTERNATIVE, 0);
        while (*c->at && *c->at != '|' && *c->at != ')' && !c->failed) item(c);
        emit(c, OP_END, 0);
        if (*c->at != '|' || c->failed) return;
        c->at++;
        head->next = (uint16_t)c->p->n_steps;
    }
}

COLD uint32_t pal_pre_compile(pre_program *p, const char *pattern) {
    compiler c = {p, (const uint8_t *)pattern, false, false};
    uint32_t start = p->n_steps, count = 0;
    alternatives(&c);
    if (c.failed || *c.at) return NOTHING;
    for (uint32_t a = start; p->step[a].next; a = p->step[a].next) count++;
    return count < PRE_ALTERNATIVES ? start : NOTHING;
}

/* ---- matching ---- */

typedef struct {
    const pre_program *p;
    const uint32_t *cps;
    const uint8_t *marks;
    size_t end;
} matcher;

static bool accepts(const matcher *m, const pre_step *s, size_t at) {
    uint32_t cp = m->cps[at], class = m->marks[at] & 7;
    if (s->op == OP_CHAR) return cp == s->arg;
    if (s->op == OP_FOLD) return cp < 128 && (cp | 32) == s->arg;
    const pre_set *set = &m->p->set[s->arg];
    if (cp < 128) return set->ascii[cp / 32] >> (cp % 32) & 1;
    bool hit = set->classes >> class & 1;
    if (class != PAL_CP_SPACE)
        for (uint32_t i = set->first; i < set->end && !hit; i++)
            hit = m->p->range[i][0] <= cp && cp <= m->p->range[i][1];
    return hit != set->negated;
}

static int64_t match_any(const matcher *m, uint32_t alternative, size_t at);

static int64_t match_steps(const matcher *m, uint32_t step, size_t at) {
    for (;; step++) {
        const pre_step *s = &m->p->step[step];
        size_t n = 0;
        switch (s->op) {
        case OP_END:
            return (int64_t)at;
        case OP_AT_END:
            if (at != m->end) return -1;
            continue;
        case OP_NOT_AHEAD:
            if (at < m->end && accepts(m, s, at)) return -1;
            continue;
        case OP_GROUP: {
            int64_t next = 0;
            while ((n < s->max || s->max == UNBOUNDED) && (next = match_any(m, step + 1, at)) > (int64_t)at)
                at = (size_t)next, n++;
            if (n < s->min) return -1;
            step = s->next - 1u;
            continue;
        }
        default:
            break;
        }
        while ((n < s->max || s->max == UNBOUNDED) && at + n < m->end && accepts(m, s, at + n)) n++;
        if (n < s->min) return -1;
        if (s->min < n && s[1].op != OP_END) { /* greedy, giving back one at a time */
            for (; n > s->min; n--) {
                int64_t got = match_steps(m, step + 1, at + n);
                if (got >= 0) return got;
            }
        }
        at += n;
    }
}

static int64_t match_any(const matcher *m, uint32_t alternative, size_t at) {
    for (;;) {
        int64_t got = match_steps(m, alternative + 1, at);
        if (got >= 0) return got;
        alternative = m->p->step[alternative].next;
        if (!alternative) return -1;
    }
}

void pal_pre_split(const pre_program *p, uint32_t start, const uint32_t *cps, uint8_t *marks, size_t begin,
                   size_t end) {
    matcher m = {p, cps, marks, end};
    /* An alternative that begins with x+ or x* and failed at i fails at every later position of that run of x too: what
       it could try there it has tried from i. */
    size_t dead[PRE_ALTERNATIVES] = {0};
    for (size_t at = begin; at < end;) {
        int64_t got = -1;
        uint32_t which = 0;
        for (uint32_t a = start;; a = p->step[a].next, which++) {
            const pre_step *first = &p->step[a + 1];
            if (at >= dead[which]) {
                got = match_steps(&m, a + 1, at);
                if (got > (int64_t)at) break;
                if (first->op <= OP_SET && first->max == UNBOUNDED && first->min <= 1)
                    for (dead[which] = at; dead[which] < end && accepts(&m, first, dead[which]);) dead[which]++;
            }
            if (!p->step[a].next) break;
        }
        if (got > (int64_t)at) {
            marks[at] |= PRE_MARK;
            at = (size_t)got;
            if (at < end) marks[at] |= PRE_MARK;
        } else
            at++;
    }
}
