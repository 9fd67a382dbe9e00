#!/usr/bin/env python3
"""Prints src/unicode_table.h: the general category class (N L M P S or none) of all code points as runs.

    python3 src/unicode_table.py > src/unicode_table.h

Unicode 15.1, the version of llama.cpp's own table, so that the pre-tokenizers split alike. The data are those of the
unicodedata module: Python 3.13 carries 15.1; Python 3.12 and Debian 13's carry 15.0, which differs by the three
ranges in NEW_IN_15_1. With another Python: UNICODE_DATA=/usr/share/unicode/UnicodeData.txt (Debian's unicode-data,
15.0) reads that file instead.
"""
import os
import sys
import unicodedata

NEW_IN_15_1 = ((0x2FFC, 0x2FFF, "So"), (0x31EF, 0x31EF, "So"), (0x2EBF0, 0x2EE5D, "Lo"))
CLASSES = {"N": 1, "L": 2, "M": 3, "P": 4, "S": 5}  # as in unicode.h
STRIDE = 32


def from_file(path):
    table = ["Cn"] * 0x110000
    first = None
    for line in open(path, encoding="ascii"):
        fields = line.split(";")
        code = int(fields[0], 16)
        if fields[1].endswith(", First>"):
            first = code
            continue
        for c in range(code if first is None else first, code + 1):
            table[c] = fields[2]
        first = None
    return table, "15.0.0"


def categories():
    path = os.environ.get("UNICODE_DATA")
    table, version = from_file(path) if path else (
        [unicodedata.category(chr(c)) for c in range(0x110000)], unicodedata.unidata_version)
    if version == "15.0.0":
        for low, high, category in NEW_IN_15_1:
            for c in range(low, high + 1):
                assert table[c] == "Cn", hex(c)
                table[c] = category
    elif version != "15.1.0":
        sys.exit(f"this Python knows Unicode {version}; take Python 3.12 or 3.13, or set UNICODE_DATA")
    return table


def show(type, name, values):
    print(f"static const {type} {name}[{len(values)}] = {{")
    for i in range(0, len(values), 20):
        print("    " + " ".join(f"{v}," for v in values[i:i + 20]))
    print("};")


def main():
    runs, starts, last, begin, code = [], [], None, 0, 0
    for code, category in enumerate(categories()):
        now = CLASSES.get(category[0], 0)
        if last is not None and (now != last or code - begin == 8191):
            runs.append((code - begin) << 3 | last)
            begin = code
        if len(runs) % STRIDE == 0 and len(starts) == len(runs) // STRIDE:
            starts.append(begin)
        last = now
    while runs and not runs[-1] & 7:
        runs.pop()
    print("/* Generated: python3 src/unicode_table.py > src/unicode_table.h")
    print("   Unicode 15.1. Runs of code points from 0: length << 3 | class; behind the last run no class. starts[i]: the")
    print(f"   first code point of run {STRIDE} * i. Do not edit. */")
    print(f"enum {{ UNICODE_STRIDE = {STRIDE} }};")
    show("uint16_t", "unicode_runs", runs)
    show("uint32_t", "unicode_starts", starts[:(len(runs) - 1) // STRIDE + 1])


main()
