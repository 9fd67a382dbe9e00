"""Prepare the training data: train the tokenizer, write the token streams.

  python3 data.py --text DIR --out WORK

WORK receives tokenizer.json, tokenizer_config.json and data.npz with two
uint16 streams per source, `NAME.train` and `NAME.valid`. In a stream every
document begins with the <|endoftext|> token.
"""
import argparse
import os
import random
import re

import numpy as np

import recall
import sources
from tokenizer import BOS, Tokenizer, train

HELD_SHARE, HELD_TALES = 0.01, 24


def join_chats(chats, rng, most):
    """One to `most` short chats as one, so that a chat may change its topic."""
    chats, i = rng.sample(chats, len(chats)), 0
    while i < len(chats):
        n = rng.randint(1, most)
        yield [turn for chat in chats[i:i + n] for turn in chat]
        i += n


def as_chats(pairs):
    return [[("user", ask), ("assistant", answer)] for ask, answer in pairs]


def build(text, rng, here):
    """name -> (training documents, held-out documents)."""
    tales = sources.stories(text)
    simple = {w for t in tales for w in re.findall(r"[a-z]+", t)}
    books = sources.plain_books(text, simple)
    easy, wide = books[:len(books) // 5], books[:len(books) * 3 // 5]
    chunks = [c for book in easy for c in sources.book_chunks(book)]
    persona_path = os.path.join(here, "persona.txt")
    told = list(sources.persona(persona_path))
    persona = [chat for _ in range(6) for chat in join_chats(as_chats(told), rng, 5)]
    asked = list(sources.passages(wide, sources.persona_nouns(persona_path), rng))
    tasks = list(sources.tasks(text, rng))
    nouns = sources.nouns_of(tales, 4)
    retold = [c for _ in range(3) for c in sources.story_chats(tales[HELD_TALES:], nouns, rng)]
    longer = [(c[0][1], c[1][1]) for c in retold + asked if len(c[1][1]) < 600]
    fillers = told + rng.sample(longer, len(told) // 2)
    documents = {
        "books": rng.sample(chunks, min(len(chunks), 9000)),
        "passages": list(join_chats(asked, rng, 3)),
        "stories": [*join_chats(retold, rng, 2), *tales[HELD_TALES:len(tales) // 2]],
        "chats": list(sources.chats(text)),
        "threads": list(join_chats(list(sources.threads(text)), rng, 2)),
        "tasks": list(join_chats(tasks, rng, 2)),
        "persona": persona,
        "recall": [recall.recall_chat(rng, fillers) for _ in range(12000)],
    }
    split = {name: hold_out(docs, rng) for name, docs in documents.items()}
    # Stories are told several times and persona is learned by heart: no random split.
    split["stories"] = (documents["stories"],
                        list(sources.story_chats(tales[:HELD_TALES], nouns, rng)))
    split["persona"] = (documents["persona"], [])
    return split


def hold_out(documents, rng):
    documents = rng.sample(documents, len(documents))
    n = max(4, int(len(documents) * HELD_SHARE))
    return documents[n:], documents[:n]


def text_of(document):
    return document if isinstance(document, str) else "\n".join(t for _, t in document)


def encode(tokenizer, document):
    if isinstance(document, str):
        return [tokenizer.vocab[BOS], *tokenizer.encode(document)]
    return tokenizer.encode_chat(document)


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--text", required=True, help="folder of the source texts")
    args.add_argument("--out", required=True, help="folder for the prepared data")
    args.add_argument("--vocab", type=int, default=3072)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    os.makedirs(args.out, exist_ok=True)
    rng = random.Random(args.seed)

    documents = build(args.text, rng, os.path.dirname(os.path.abspath(__file__)))
    sample = [text_of(d) for docs, _ in documents.values()
              for d in rng.sample(docs, min(len(docs), 3000))]
    tokenizer = Tokenizer(train(sample, args.vocab))
    tokenizer.save(args.out)

    arrays, bos = {}, tokenizer.vocab[BOS]
    for name, (docs, held) in documents.items():
        for part, some in (("train", docs), ("valid", held)):
            ids = [i for d in some for i in encode(tokenizer, d)]
            arrays[f"{name}.{part}"] = np.array(ids + [bos], dtype=np.uint16)
        tokens = len(arrays[f"{name}.train"])
        chars = sum(len(text_of(d)) for d in docs)
        print(f"{name:9} {len(docs):6} documents {tokens:9} tokens "
              f"{chars / tokens:5.2f} characters per token", flush=True)
    np.savez(os.path.join(args.out, "data.npz"), **arrays)


if __name__ == "__main__":
    main()
