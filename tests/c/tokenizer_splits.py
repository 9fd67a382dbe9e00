#!/usr/bin/env python3
"""Prints tests/c/tokenizer_splits.h: how each kind of pre-tokenizer cuts a few texts of ours, by the `regex` module.

    /usr/bin/python3 tests/c/tokenizer_splits.py > tests/c/tokenizer_splits.h        (Debian: python3-regex)

The patterns are a second statement of those in src/tokenizer_pre.c, in the syntax of `regex` (version 1), one list per
kind, run one inside the pieces of the other. @S@ is white space, @s@ the same inside a set, @NS@ anything else, @C@ an
English contraction, @HAN@ the Han blocks of kimi-k2. With `check N PROGRAM` it instead compares N random texts per kind with PROGRAM, which reads
u32 length, name, u32 length, text and prints the pieces in hex.
"""
import random
import subprocess
import struct
import sys

import regex

SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
DIGITS, ASCII_DIGITS = "digits", "ascii digits"  # groups of three from the right, see cuts()
HAN = r"\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\U0002ceb0-\U0002ebef\uf900-\ufaff\U0002f800-\U0002fa1f"
KINDS = {
    "default": [
        r"[\p{P}\$+<=>^\~\|]+",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@s@\p{L}\p{N}]+|@S@+(?!@NS@)",
        r"\p{N}+",
        r"[0-9][0-9][0-9]",
    ],
    "llama3": [
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "jais-2": [
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@{512}(?!@NS@)|@S@{256}(?!@NS@)|@S@{128}(?!@NS@)|@S@{64}(?!@NS@)|@S@{32}(?!@NS@)|@S@{16}(?!@NS@)|@S@{8}(?!@NS@)|@S@{4}(?!@NS@)|@S@{1,2}(?!@NS@)|@S@{1}",
    ],
    "deepseek-llm": [
        r"[\r\n]",
        r"@S@?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+",
        r"@S@?[!-/:-\~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002]+",
        r"@S@+\Z",
        r"(?:(?!@S@)[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff])+",
        r"\p{N}+",
    ],
    "deepseek-v3": [
        r"\p{N}{1,3}",
        r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%\&'()*+,\-./:;<=>?@\[\\\]^_`{\|}\~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+""",
    ],
    "spark2_5": [
        r"\p{N}{1,3}",
        r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%\&'()*+,\-./:;<=>?@\[\\\]^_`{\|}\~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|@S@+(?!@NS@)|@S@+""",
        r"\p{N}",
    ],
    "youtu": [
        r"[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]*[\p{L}\p{M}]+@C@?|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+[\p{L}\p{M}]*@C@?|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n/]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "deepseek-coder": [
        r"[\r\n]",
        r"@S@?\p{L}+",
        r"@S@?\p{P}+",
        r"(?:(?!@S@)[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff])+",
        r"\p{N}",
    ],
    "falcon": [
        r"[\p{P}\$+<=>^\~\|`]+",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@s@\p{L}\p{N}]+|@S@+(?!@NS@)",
        r"[0-9][0-9][0-9]",
    ],
    "starcoder": [
        r"\p{N}",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@s@\p{L}\p{N}]+|@S@+(?!@NS@)",
    ],
    "gpt-2": [
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@s@\p{L}\p{N}]+|@S@+(?!@NS@)",
    ],
    "qwen2": [
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "qwen35": [
        r"@C@|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^@s@\p{L}\p{M}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "poro-chat": [
        r" ?[^(@s@\|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+",
    ],
    "viking": [
        r" ?[^(@s@\|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+",
        r"\p{N}",
    ],
    "tekken": [
        r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n/]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "chameleon": [
        r"<sentinel:[0-9]+>",
        r"IMGIMG[A-I]{1,4}Z",
        r"[\t\n]|    |  ",
        r"\p{N}",
        r"[\p{P}!-/:-@\[-`{-\~]",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@s@\p{L}\p{N}]+|@S@+(?!@NS@)",
    ],
    "gpt-4o": [
        r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+@C@?|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*@C@?|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n/]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "granite-embed-multi-97m": [
        r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^a-z]]*[\p{L}\p{M}&&[^A-Z]]+@C@?|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^a-z]]+[\p{L}\p{M}&&[^A-Z]]*@C@?|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n/]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "tiny_aya": [
        DIGITS,
        r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]*[\p{L}\p{M}]+@C@?|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+[\p{L}\p{M}]*@C@?|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n/]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "kimi-k2": [
        r"[@HAN@]+|[^\r\n\p{L}\p{N}]?(?:(?![@HAN@])\p{L})+@C@?|\p{N}{1,3}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "superbpe": [
        r"\p{N}+",
        ASCII_DIGITS,
    ],
    "bailingmoe": [
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]|@S@+(?!@NS@)|@S@+",
    ],
    "seed-coder": [
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^@s@\p{L}\p{N}\r\n]+|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "ufakzeka": [
        r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "afmoe": [
        DIGITS,
        r"[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+",
        r"""[!"#$%\&'()*+,\-./:;<=>?@\[\\\]^_`{\|}\~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+""",
    ],
    "laguna": [
        r"[^\n]+|[\n]+",
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
    "exaone-moe": [
        r"@C@|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^@s@\p{L}\p{N}]+[\r\n/]?|@S@*[\r\n]|@S@+(?!@NS@)|@S@+",
    ],
    "minicpm5": [
        r"\p{N}{1,3}",
        r"@C@|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^@s@\p{L}\p{N}]+[\r\n]*|@S@*[\r\n]+|@S@+(?!@NS@)|@S@+",
    ],
}

TEXTS = [
    "I'll SAY it's Xml42ndHTTPServer\u00c9t\u00e9 don'T\u2019s a/b //\r\n\n  x",
    " 1 12 1234567 a1234b  99\u0663\u0664\u0665\u0666\u00bd\u2163 3.14,15   123  456789",
    "  \t\n \n\r\n   end\u00a0\u3000\u2028y   ",
    "!!! $+<=>^~|` <a_b>@c [x] (y), z. \U0001f600\ufe0f\u200d\u20ac\u2211\x01\x7f ~q `w",
    "\u6f22\u5b57\u3072\u3089\u30ab\u30ca\u3002\u3001\uff01 \ud55c\uae00\u3131 x\u6f22y\u4e00a\u0e01\u0e33\u0e49 \u0915\u094d\u0937\u093f\u0964 e\u0301 \u05d0\u05b8\u0628\u064e",
    "<sentinel:17>IMGIMGABCDZ\u01c5\u0416\u0436 \U00020000\uf900\u02b0\u0301 a b c\u2026",
    "\u0531\u0561\u00b5\u1e9e\uff21\uff41 a  b\u2003\u2003c\u3000. \u2018q\u2019\u2014 'Re'D''s",
]


def expand(pattern):
    for name, text in (("@NS@", "[^" + SPACE + "]"), ("@S@", "[" + SPACE + "]"), ("@s@", SPACE), ("@HAN@", HAN),
                       ("@C@", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")):
        pattern = pattern.replace(name, text)
    return regex.compile(pattern, regex.V1)


def cuts(how, text):
    """Where a piece is cut. The digit splitter of afmoe leaves the first group with what is in front of it."""
    found = set()
    if how in (DIGITS, ASCII_DIGITS):
        for match in regex.finditer(r"[0-9]+" if how == ASCII_DIGITS else r"\p{N}+", text):
            begin, end = match.span()
            found.update(range(end - (end - begin) // 3 * 3, end, 3))
            if how == DIGITS:
                found.discard(begin)
                found.add(end)
    else:
        for match in how.finditer(text):
            found.update(match.span())
    return found


def split(passes, text):
    pieces = [text]
    for how in passes:
        after = []
        for piece in pieces:
            at = sorted(cuts(how, piece) | {0, len(piece)})
            after += [piece[i:j] for i, j in zip(at, at[1:])]
        pieces = after
    return pieces


def compiled(kind):
    return [p if p in (DIGITS, ASCII_DIGITS) else expand(p) for p in KINDS[kind]]


def c_text(pieces):
    text = ""
    for byte in "\x1e".join(pieces).encode():
        char = chr(byte)
        text += char if 32 <= byte < 127 and char not in '"\\?' else "\\%03o" % byte
    return text


def check(count, program):
    pool = [c for c in "".join(TEXTS)] + ["'s", "'T", "'Re", "  ", "\r\n", "<sentinel:1>", "IMGIMGABZ", "\n", "1", "23"]
    wrong = 0
    for kind in KINDS:
        rng = random.Random(kind)
        texts = ["".join(rng.choices(rng.sample(pool, rng.choice((3, 6, 12, 40))), k=rng.randint(1, 30))) for _ in range(count)]
        packed = b"".join(struct.pack("<I", len(s)) + s for t in texts for s in (kind.encode(), t.encode()))
        lines = subprocess.run([program], input=packed, capture_output=True, check=True).stdout.decode().split("\n")
        passes = compiled(kind)
        for text, line in zip(texts, lines):
            want, got = split(passes, text), [bytes.fromhex(x).decode() for x in line.split()]
            if want != got:
                wrong += 1
                print(kind, repr(text), "wanted", want, "got", got)
    print(f"{len(KINDS)} kinds, {count} texts each, {wrong} wrong")
    sys.exit(wrong != 0)


def main():
    if sys.argv[1:2] == ["check"]:
        check(int(sys.argv[2]), sys.argv[3])
    print("/* Generated: /usr/bin/python3 tests/c/tokenizer_splits.py > tests/c/tokenizer_splits.h. Do not edit.")
    print("   Texts of ours as each pre-tokenizer cuts them; \\036 stands between the pieces. */")
    print("static const struct {\n    const char *pre, *pieces;\n} splits[] = {")
    for kind in KINDS:
        for text in TEXTS:
            print(f'    {{"{kind}", "{c_text(split(compiled(kind), text))}"}},')
    print("};")


main()
