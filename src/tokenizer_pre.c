/* Pre-tokenizers: how a text is cut into words before the merges of BPE, chosen by `tokenizer.ggml.pre`.

   One row per name that llama.cpp knows for byte-level BPE; the patterns are the facts of each tokenizer.json in the
   form in which llama.cpp runs them (src/llama-vocab.cpp and src/unicode.cpp of 2026), because the ids shall be the
   same:
   - several patterns run one after the other, each inside the pieces that the one before has left; what no match
     covers stays a piece;
   - it knows no case beyond ASCII: \p{Lu}... became \p{L}, or \p{L} without a-z / A-Z;
   - afmoe's set of scripts reaches from U+8C48 to U+FAFF, since its U+F900 was once normalised;
   - the digit splitters of afmoe and tiny_aya leave the text in front of a number in one piece with its first group.
   Left out are the rows that do not use the byte alphabet (gemma4, granite-embed-multi-311m, sarvam-moe, whitespace).
   A vocabulary without the key gets `default`, as in llama.cpp; an unknown name is an error. */
#include "tokenizer_internal.h"

/* clang-format off */
#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ENGLISH(digits) \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define CASED(upper, lower, suffix, rest)                                                                          \
    "[^\\r\\n\\p{L}\\p{N}]?" upper "*" lower "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?" upper "+" lower "*" suffix "|" rest \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES
#define UPPER "[\\p{L}&&[^a-z]]"
#define LOWER "[\\p{L}&&[^A-Z]]"
#define CODE(tail) \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+" tail
#define HAN_KANA "[一-龥぀-ゟ゠-ヿ]+"
#define HAN_WIDE "[一-龥ࠀ-一가-퟿]+"
#define SENTENCE " ?[^(\\s|.,!?…。，、।۔،)]+"
/* Escapes stand where Unicode normalisation in an editor would change the character. */
/* Han as kimi-k2's splitter in llama.cpp has it: blocks, not the script property. */
#define HAN "[一-鿿㐀-䶿𠀀-𪛟𪜀-𫜿𫝀-𫠟𫠠-𬺯𬺰-𮯯\uf900-﫿\U0002f800-\U0002fa1f]"
#define CASED_LETTERS                                                                                                  \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\u1f5f-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼ" \
    "ℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"

/* clang-format on */

/* Passes that are not patterns: groups of three digits counted from the right. */
static const char digits_numbers[] = "runs of \\p{N}; the piece in front keeps its first group";
static const char digits_ascii[] = "runs of 0-9";
enum { PRE_DIGITS_NUMBERS = 0xfffe, PRE_DIGITS_ASCII = 0xfffd };

/* clang-format off */
typedef enum {
    KIND_DEFAULT, KIND_LLAMA3, KIND_JAIS2, KIND_DEEPSEEK_LLM, KIND_DEEPSEEK3, KIND_SPARK, KIND_YOUTU, KIND_DEEPSEEK_CODER,
    KIND_FALCON, KIND_STARCODER, KIND_GPT2, KIND_QWEN2, KIND_QWEN35, KIND_BLOOM, KIND_VIKING, KIND_TEKKEN, KIND_CHAMELEON,
    KIND_GPT4O, KIND_GRANITE, KIND_TINY_AYA, KIND_KIMI, KIND_SUPERBPE, KIND_BAILING, KIND_SEED, KIND_UFAKZEKA, KIND_AFMOE,
    KIND_LAGUNA, KIND_EXAONE_MOE, KIND_MINICPM5, KIND_COUNT
} kind;

static const char *const passes[KIND_COUNT][PRE_PASSES] = {
    [KIND_DEFAULT] = {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"},
    [KIND_LLAMA3] = {ENGLISH("\\p{N}{1,3}") SPACES},
    [KIND_JAIS2] = {ENGLISH("\\p{N}{1,3}") "\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|"
                    "\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}"},
    [KIND_DEEPSEEK_LLM] = {"[\r\n]", "\\s?[" CASED_LETTERS "]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$", HAN_WIDE, "\\p{N}+"},
    [KIND_DEEPSEEK3] = {"\\p{N}{1,3}", HAN_KANA, CODE("[\\r\\n]*|" SPACES)},
    [KIND_SPARK] = {"\\p{N}{1,3}", HAN_KANA, CODE("|[\\r\\n]|\\s+(?!\\S)|\\s+"), "\\p{N}"},
    [KIND_YOUTU] = {"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
                    CASED("[\\p{L}\\p{M}]", "[\\p{L}\\p{M}]", CONTRACTION "?", "\\p{N}")},
    [KIND_DEEPSEEK_CODER] = {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN_WIDE, "\\p{N}"},
    [KIND_FALCON] = {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"},
    [KIND_STARCODER] = {"\\p{N}", GPT2},
    [KIND_GPT2] = {GPT2},
    [KIND_QWEN2] = {ENGLISH("\\p{N}") SPACES},
    [KIND_QWEN35] = {CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES},
    [KIND_BLOOM] = {SENTENCE},
    [KIND_VIKING] = {SENTENCE, "\\p{N}"},
    [KIND_TEKKEN] = {CASED(UPPER, LOWER, "", "\\p{N}")},
    [KIND_CHAMELEON] = {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}", "[\\p{P}!-/:-@\\[-`{-~]", GPT2},
    [KIND_GPT4O] = {CASED(UPPER, LOWER, CONTRACTION "?", "\\p{N}{1,3}")},
    [KIND_GRANITE] = {CASED("[\\p{L}\\p{M}&&[^a-z]]", "[\\p{L}\\p{M}&&[^A-Z]]", CONTRACTION "?", "\\p{N}{1,3}")},
    [KIND_TINY_AYA] = {digits_numbers, CASED("[\\p{L}\\p{M}]", "[\\p{L}\\p{M}]", CONTRACTION "?", "\\p{N}{1,3}")},
    [KIND_KIMI] = {HAN "+|[^\\r\\n\\p{L}\\p{N}]?(?:(?!" HAN ")\\p{L})+" CONTRACTION
                       "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES},
    [KIND_SUPERBPE] = {"\\p{N}+", digits_ascii},
    [KIND_BAILING] = {ENGLISH("\\p{N}") "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    [KIND_SEED] = {CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES},
    [KIND_UFAKZEKA] = {"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES},
    [KIND_AFMOE] = {digits_numbers, "[一-鿿㐀-䶿\u8c48-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+",
                    CODE("[\\r\\n]*|" SPACES)},
    [KIND_LAGUNA] = {"[^\\n]+|[\\n]+", ENGLISH("\\p{N}") SPACES},
    [KIND_EXAONE_MOE] = {CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}(?:[\\p{L}\\p{M}]| \\p{L})*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|"
                                     "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    [KIND_MINICPM5] = {"\\p{N}{1,3}", ENGLISH("\\p{N}+") SPACES},
};

enum { IGNORE = PRE_IGNORE_MERGES, BOS = PRE_ADD_BOS, CLEAN = PRE_CLEAN, MASK = PRE_MASK_LSTRIP };

static const struct {
    const char *name;
    uint8_t kind, flags;
} rows[] = {
    {"default", KIND_DEFAULT, CLEAN},
    /* gpt-2 */
    {"gpt-2", KIND_GPT2, CLEAN}, {"phi-2", KIND_GPT2, CLEAN}, {"mpt", KIND_GPT2, CLEAN}, {"olmo", KIND_GPT2, CLEAN},
    {"jais", KIND_GPT2, CLEAN}, {"gigachat", KIND_GPT2, CLEAN}, {"a.x-4.0", KIND_GPT2, CLEAN}, {"mellum", KIND_GPT2, CLEAN},
    {"modern-bert", KIND_GPT2, CLEAN}, {"exaone4", KIND_GPT2, CLEAN}, {"trillion", KIND_GPT2, 0},
    {"granite-docling", KIND_GPT2, 0}, {"jina-es", KIND_GPT2, CLEAN}, {"jina-de", KIND_GPT2, CLEAN},
    {"jina-v2-es", KIND_GPT2, CLEAN | MASK}, {"jina-v2-de", KIND_GPT2, CLEAN | MASK}, {"jina-v1-en", KIND_GPT2, CLEAN},
    {"jina-v2-code", KIND_GPT2, CLEAN | MASK}, {"roberta-bpe", KIND_GPT2, CLEAN},
    /* gpt-2 with single digits */
    {"starcoder", KIND_STARCODER, CLEAN}, {"refact", KIND_STARCODER, CLEAN}, {"command-r", KIND_STARCODER, 0},
    {"smollm", KIND_STARCODER, 0}, {"codeshell", KIND_STARCODER, CLEAN}, {"exaone", KIND_STARCODER, CLEAN},
    {"minerva-7b", KIND_STARCODER, CLEAN}, {"mellum2", KIND_STARCODER, CLEAN},
    /* llama 3 */
    {"llama3", KIND_LLAMA3, CLEAN | IGNORE | BOS}, {"llama-v3", KIND_LLAMA3, CLEAN | IGNORE | BOS},
    {"llama-bpe", KIND_LLAMA3, CLEAN | IGNORE | BOS}, {"falcon3", KIND_LLAMA3, CLEAN | IGNORE | BOS},
    {"falcon-h1", KIND_LLAMA3, CLEAN | IGNORE | BOS}, {"pixtral", KIND_LLAMA3, CLEAN | IGNORE | BOS},
    {"midm-2.0", KIND_LLAMA3, CLEAN | IGNORE | BOS}, {"lfm2", KIND_LLAMA3, CLEAN | IGNORE | BOS},
    {"jina-v5-nano", KIND_LLAMA3, CLEAN | IGNORE | BOS}, {"dbrx", KIND_LLAMA3, CLEAN}, {"smaug-bpe", KIND_LLAMA3, CLEAN},
    {"glm4", KIND_LLAMA3, CLEAN | PRE_NO_BOS}, {"chatglm-bpe", KIND_LLAMA3, CLEAN | PRE_NO_BOS},
    {"minicpm5", KIND_MINICPM5, CLEAN | IGNORE}, {"jais-2", KIND_JAIS2, CLEAN},
    /* qwen */
    {"qwen2", KIND_QWEN2, 0}, {"deepseek-r1-qwen", KIND_QWEN2, 0}, {"kormo", KIND_QWEN2, 0}, {"f2llmv2", KIND_QWEN2, 0},
    {"megrez", KIND_QWEN2, CLEAN}, {"stablelm2", KIND_QWEN2, CLEAN}, {"hunyuan", KIND_QWEN2, 0}, {"solar-open", KIND_QWEN2, 0},
    {"grok-2", KIND_QWEN2, 0}, {"qwen35", KIND_QWEN35, 0}, {"laguna", KIND_LAGUNA, 0}, {"ufakzeka", KIND_UFAKZEKA, 0},
    {"bailingmoe", KIND_BAILING, 0}, {"bailingmoe2", KIND_BAILING, 0}, {"llada-moe", KIND_BAILING, 0},
    {"seed-coder", KIND_SEED, 0}, {"exaone-moe", KIND_EXAONE_MOE, CLEAN},
    /* words split at a change of case */
    {"tekken", KIND_TEKKEN, IGNORE | BOS}, {"gpt-4o", KIND_GPT4O, 0}, {"llama4", KIND_GPT4O, 0}, {"kanana2", KIND_GPT4O, 0},
    {"talkie", KIND_GPT4O, 0}, {"minimax-m2", KIND_GPT4O, 0}, {"granite-embed-multi-97m", KIND_GRANITE, IGNORE},
    {"tiny_aya", KIND_TINY_AYA, 0}, {"cohere2moe", KIND_TINY_AYA, 0}, {"youtu", KIND_YOUTU, IGNORE}, {"kimi-k2", KIND_KIMI, 0},
    /* deepseek */
    {"deepseek-llm", KIND_DEEPSEEK_LLM, 0}, {"deepseek-coder", KIND_DEEPSEEK_CODER, 0}, {"deepseek-v3", KIND_DEEPSEEK3, 0},
    {"hunyuan-dense", KIND_DEEPSEEK3, 0}, {"joyai-llm", KIND_DEEPSEEK3, 0}, {"hy_v4", KIND_DEEPSEEK3, 0},
    {"spark2_5", KIND_SPARK, 0}, {"afmoe", KIND_AFMOE, 0},
    /* others */
    {"falcon", KIND_FALCON, CLEAN}, {"poro-chat", KIND_BLOOM, 0}, {"bloom", KIND_BLOOM, CLEAN},
    {"gpt3-finnish", KIND_BLOOM, CLEAN}, {"viking", KIND_VIKING, 0}, {"chameleon", KIND_CHAMELEON, BOS},
    {"superbpe", KIND_SUPERBPE, 0},
};

/* clang-format on */

const char *pal_pre_name(uint32_t i) { return i < sizeof rows / sizeof *rows ? rows[i].name : NULL; }

COLD int pal_pre_open(pre_program *p, pal_str name, pal_error *e) {
    uint32_t r = 0;
    while (pal_pre_name(r) && !pal_str_is(name, pal_pre_name(r))) r++;
    if (!pal_pre_name(r))
        return pal_fail(
            e, PAL_E_SUPPORT, name,
            "unknown tokenizer.ggml.pre; known are gpt-2 llama-bpe qwen2 qwen35 smollm tekken gpt-4o deepseek-v3 "
            "falcon default and more: rows[] in tokenizer_pre.c");
    for (uint32_t i = 0; i < PRE_PASSES && passes[rows[r].kind][i]; i++) {
        const char *pattern = passes[rows[r].kind][i];
        uint32_t start = pattern == digits_numbers ? PRE_DIGITS_NUMBERS
                         : pattern == digits_ascii ? PRE_DIGITS_ASCII
                                                   : pal_pre_compile(p, pattern);
        PAL_ASSERT(start != 0xffff);
        p->pass[p->n_passes++] = (uint16_t)start;
    }
    return rows[r].flags;
}

/* Marks groups of three digits counted from the right. Of a run of \p{N} the first group stays with what is in front of
   it; a run of 0-9 whose length is a multiple of three begins a piece. */
static void split_digits(bool ascii, const uint32_t *cps, uint8_t *marks, size_t begin, size_t end) {
    for (size_t at = begin; at < end;) {
        size_t stop = at;
        while (stop < end && (ascii ? cps[stop] - '0' < 10 : (marks[stop] & 7) == PAL_CP_N)) stop++;
        if (stop == at) {
            at++;
            continue;
        }
        size_t first = (stop - at) % 3;
        for (size_t i = at + (first || ascii ? first : 3); i < stop; i += 3) marks[i] |= PRE_MARK;
        if (!ascii && stop < end) marks[stop] |= PRE_MARK;
        at = stop;
    }
}

void pal_pre_run(const pre_program *p, const uint32_t *cps, uint8_t *marks, size_t n) {
    if (!n) return;
    marks[0] |= PRE_MARK;
    for (uint32_t i = 0; i < p->n_passes; i++)
        for (size_t begin = 0, end; begin < n; begin = end) {
            for (end = begin + 1; end < n && !(marks[end] & PRE_MARK);) end++;
            if (p->pass[i] >= PRE_DIGITS_ASCII)
                split_digits(p->pass[i] == PRE_DIGITS_ASCII, cps, marks, begin, end);
            else
                pal_pre_split(p, p->pass[i], cps, marks, begin, end);
        }
}
