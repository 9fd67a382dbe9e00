"""Prepare the training data: train the tokenizer, write the token streams.

  python3 data.py --text DIR --out WORK                        chats, for the default model
  python3 data.py --text DIR --out WORK --use memory           books, for the family of members

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
import smalltalk
import sources
import stories
import topics
from tokenizer import BOS, Tokenizer, train

HELD_SHARE, HELD_TALES = 0.01, 24
SLICE = 120_000  # tokens of a book at most
HERE = os.path.dirname(os.path.abspath(__file__))


def join_chats(chats, rng, most):
    """One to `most` short chats as one, so that a chat may change its topic."""
    chats, i = rng.sample(chats, len(chats)), 0
    while i < len(chats):
        n = rng.randint(1, most)
        yield [turn for chat in chats[i:i + n] for turn in chat]
        i += n


def by_hand(rng):
    """The chats that are made of hand-written lines; none of them needs the text folder."""
    known = topics.read(os.path.join(HERE, "topics.txt"))
    about, told, plots, said = (smalltalk.read(*(os.path.join(HERE, name) for name in names)) for names in (
        ["about.txt"], ["recall.txt"], ["stories.txt"], ["persona.txt", "questions.txt"]))
    tales = stories.Tales(known, *plots)
    words = recall.with_names({**said[0], **told[0], "tale": lambda rng: tales.tale(rng)[0]})
    talk = smalltalk.Talk(words, said[1], lambda rng: topics.scene(known, about[1], rng), tales.scene)
    return {
        "smalltalk": [talk.chat(rng) for _ in range(14000)],
        "topics": [topics.chat(known, about[1], rng) for _ in range(14000)],
        "tales": [tales.chat(rng) for _ in range(8000)],
        "recall": [recall.chat(words, told[1], talk.short_scene, rng) for _ in range(12000)],
    }


def build(text, rng):
    """name -> (training documents, held-out documents)."""
    tales = sources.stories(text)
    simple = {w for t in tales for w in re.findall(r"[a-z]+", t)}
    books = sources.plain_books(text, simple)
    chunks = [c for book in books[:len(books) // 5] for c in sources.book_chunks(book)]
    nouns = sources.nouns_of(tales, 4)
    retold = [c for _ in range(3) for c in sources.story_chats(tales[HELD_TALES:], nouns, rng)]
    documents = {
        "books": rng.sample(chunks, min(len(chunks), 9000)),
        "stories": list(join_chats(retold, rng, 2)),
        "chats": list(sources.chats(text)),
        "threads": list(join_chats(list(sources.threads(text)), rng, 2)),
        "tasks": list(join_chats(list(sources.tasks(text, rng)), rng, 2)),
        **by_hand(rng),
    }
    split = {name: hold_out(docs, rng) for name, docs in documents.items()}
    # Stories are told several times: no random split. What is held out of the chats by hand has the
    # same lines in other joins, and other names.
    split["stories"] = (documents["stories"],
                        list(sources.story_chats(tales[:HELD_TALES], nouns, rng)))
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


def chat_data(args, rng):
    """The tokenizer and the streams of all chat sources."""
    documents = build(args.text, rng)
    sample = [text_of(d) for docs, _ in documents.values()
              for d in rng.sample(docs, min(len(docs), 3000))]
    tokenizer = Tokenizer(train(sample, args.vocab or 3072))
    arrays, bos = {}, tokenizer.vocab[BOS]
    for name, (docs, held) in documents.items():
        for part, some in (("train", docs), ("valid", held)):
            ids = [i for d in some for i in encode(tokenizer, d)]
            arrays[f"{name}.{part}"] = np.array(ids + [bos], dtype=np.uint16)
        tokens = len(arrays[f"{name}.train"])
        chars = sum(len(text_of(d)) for d in docs)
        print(f"{name:9} {len(docs):6} documents {tokens:9} tokens "
              f"{chars / tokens:5.2f} characters per token", flush=True)
    return tokenizer, arrays


def book_slice(tokenizer, book, rng):
    """At most SLICE tokens of a book, from the beginning of a paragraph on."""
    texts = list(sources.unwrapped(book))
    room = max(0, sum(map(len, texts)) - 4 * SLICE)  # a token has up to 4 characters or so
    skip, at, ids = rng.randint(0, room), 0, [tokenizer.vocab[BOS]]
    for text in texts:
        at += len(text)
        if at > skip:
            ids += tokenizer.encode(text + "\n\n")
        if len(ids) >= SLICE:
            break
    return np.array(ids[:SLICE], dtype=np.uint16)


def memory_data(args, rng):
    """The tokenizer and one source, pg19: long slices of many books."""
    books = list(sources.read_books(args.text))
    rng.shuffle(books)
    held = max(2, int(len(books) * HELD_SHARE))
    middles = (book[len(book) // 2:][:40_000] for book in books[held:][:250])
    sample = ["\n\n".join(sources.unwrapped(middle)) for middle in middles]
    tokenizer = Tokenizer(train(sample, args.vocab or 2048))
    print(f"{len(books)} books; the tokenizer is trained", flush=True)

    def stream(books, budget):
        parts = []
        for book in books:
            parts.append(book_slice(tokenizer, book, rng))
            budget -= len(parts[-1])
            if budget <= 0:
                break
        return np.concatenate([*parts, [tokenizer.vocab[BOS]]]).astype(np.uint16), len(parts)

    arrays = {}
    for part, some in (("valid", books[:held]), ("train", books[held:])):
        arrays[f"pg19.{part}"], used = stream(some, args.tokens)
        tokens = arrays[f"pg19.{part}"]
        some = tokens[:100_000].tolist()
        print(f"pg19.{part} {used} books {len(tokens)} tokens "
              f"{len(tokenizer.decode(some)) / len(some):.2f} characters per token", flush=True)
    return tokenizer, arrays


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--text", required=True, help="folder of the source texts")
    args.add_argument("--out", required=True, help="folder for the prepared data")
    args.add_argument("--use", choices=("chat", "memory"), default="chat")
    args.add_argument("--vocab", type=int, help="tokens of the vocabulary [chat: 3072, memory: 2048]")
    args.add_argument("--tokens", type=float, default=24e6, help="memory: tokens to draw from books")
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    os.makedirs(args.out, exist_ok=True)
    make = {"chat": chat_data, "memory": memory_data}[args.use]
    tokenizer, arrays = make(args, random.Random(args.seed))
    tokenizer.save(args.out, chat=args.use == "chat")
    np.savez(os.path.join(args.out, "data.npz"), **arrays)


if __name__ == "__main__":
    main()
