"""Perplexity of a run over the beginning of a text, by PyTorch.

  python3 perplexity.py --work WORK --run RUN --text FILE --tokens 1024

The first tokens, the begin token among them, are one row; the mean is over all but the first. So
is `palimpsest ppl MODEL.gguf FILE --policy full --limit 1024`: both must be equal.
"""
import argparse
import json
import math
import os

import torch
from torch.nn import functional as F

import checkpoint
from tokenizer import BOS, Tokenizer


def ids_of(work, text):
    """Token ids as the engine has them: the begin token where tokenizer_config.json asks for it."""
    tokenizer = Tokenizer.load(work)
    with open(os.path.join(work, "tokenizer_config.json"), encoding="utf-8") as f:
        begins = json.load(f)["add_bos_token"]
    return [tokenizer.vocab[BOS]] * begins + tokenizer.encode(text)


@torch.no_grad()
def mean_nll(model, ids):
    logits = model(torch.tensor([ids[:-1]]))[0]
    return F.cross_entropy(logits, torch.tensor(ids[1:])).item()


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of tokenizer.json")
    args.add_argument("--run", help="folder of checkpoint.pt [WORK]")
    args.add_argument("--text", required=True, help="text file")
    args.add_argument("--tokens", type=int, help="tokens to read, at most the context [the context]")
    args = args.parse_args()
    model, _ = checkpoint.load(args.run or args.work)
    most = model.config.max_position_embeddings
    with open(args.text, encoding="utf-8") as f:
        ids = ids_of(args.work, f.read())[:min(most, args.tokens or most)]
    nll = mean_nll(model, ids)
    print(f"{args.text}: {len(ids)} tokens, nll {nll:.5f}, perplexity {math.exp(nll):.4f}")


if __name__ == "__main__":
    main()
