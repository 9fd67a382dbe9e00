"""Print a text as the memory family reads it: a paragraph a line, plain quotes.

  python3 unwrap.py BOOK.txt > book.txt
"""
import sys

import sources

with open(sys.argv[1], encoding="utf-8") as f:
    sys.stdout.write("\n\n".join(sources.unwrapped(f.read())) + "\n")
