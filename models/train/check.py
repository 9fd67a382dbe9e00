"""Reproduce tiny members end to end and compare the engine with PyTorch.

  python3 check.py --text DIR [--members transformer,mamba] [--work FOLDER]

Data, training, export, conversion; then `palimpsest ppl` of the GGUF and perplexity.py must agree
within 0.5 %, and the loss must have gone down. Takes minutes; exit status 1 when something failed.
"""
import argparse
import csv
import json
import math
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from tokenizer import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
CLI = ("node", os.path.join(HERE, "..", "..", "web", "cli.js"))
READ = 512  # tokens of the comparison
APART = 0.005  # of the perplexity


def call(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}\nFAILED")
    return done.stdout


def step(script, *words):
    return call(sys.executable, os.path.join(HERE, script), *words)


def held_out_text(work):
    """A file with the beginning of a held-out book."""
    ids = np.load(os.path.join(work, "data.npz"))["pg19.valid"][1:2 * READ].tolist()
    path = os.path.join(work, "held-out.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write(Tokenizer.load(work).decode(ids).replace("\ufffd", ""))
    return path


def check(member, work, text, tokens):
    """Train, export, convert and compare one member; True when all is well."""
    run, folder, gguf = (os.path.join(work, member + end) for end in ("", "-hf", ".gguf"))
    step("train.py", "--work", work, "--out", run, "--member", member, "--shape", "tiny",
         "--tokens", str(tokens), "--batch", "4096", "--length", str(READ), "--lr", "4e-3")
    with open(os.path.join(run, "loss.csv"), newline="") as f:
        held = [float(line["pg19"]) for line in csv.DictReader(f)]
    step("export.py", "--work", work, "--run", run, "--out", folder)
    call(*CLI, "convert", folder, gguf, "--type", "F32")
    told = step("perplexity.py", "--work", work, "--run", run, "--text", text, "--tokens", str(READ))
    count, ours = re.search(r": (\d+) tokens, nll ([\d.]+)", told).groups()
    read = json.loads(call(*CLI, "ppl", gguf, text, "--policy", "full", "--limit", str(READ), "--json"))
    ours, theirs = math.exp(float(ours)), math.exp(read["results"][0]["nll"])
    apart = abs(theirs / ours - 1)
    good = apart < APART and held[-1] < held[0] and int(count) == read["tokens"]
    print(f"{member:12} held-out loss {held[0]:.2f} -> {held[-1]:.2f}, perplexity {ours:.3f} "
          f"by PyTorch, {theirs:.3f} by the engine ({100 * apart:.4f} % apart)  "
          f"{'ok' if good else 'FAILED'}", flush=True)
    return good


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--text", required=True, help="folder of the source texts")
    args.add_argument("--members", default="transformer,mamba", help="separated by commas")
    args.add_argument("--tokens", type=float, default=4e5, help="of data, and of training")
    args.add_argument("--work", help="folder to keep [a temporary one]")
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as own:
        work = args.work or own
        step("data.py", "--use", "memory", "--text", args.text, "--out", work,
             "--vocab", "512", "--tokens", str(args.tokens))
        text = held_out_text(work)
        results = [check(member, work, text, args.tokens) for member in args.members.split(",")]
    print("ok" if all(results) else "FAILED")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
