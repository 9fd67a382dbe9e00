"""The training texts: from the files of a data folder to chats and plain chunks.

Each source yields documents. A document is a list of (role, text) turns, or a
str for plain prose. The evaluation files of the folder are never opened.

  books    chunks of prose from the PG-19 training books in the plainest English
  stories  "Tell me a story about a cat." -> a TinyStories story with a cat
  chats    Topical-Chat; threads: Open-Assistant
  tasks    Schema-Guided Dialogue and Taskmaster
  pg19     whole books, for the memory family

What is written by hand for the chats is in smalltalk.py, topics.py, stories.py and recall.py.
"""
import glob
import json
import lzma
import os
import re
from collections import Counter

from grammar import article

# A noun closes a phrase after an article: "the sea.", "a horse,".
NOUN = re.compile(r"\b(?:the|a|an|his|her|their) ([a-z]{3,12})[.,;!?]")
NOT_NOUNS = set("""first last same other others one two latter former end way time day moment
case whole rest most more best least next past present right left whom fact matter part
day place thing things side hand hands head eyes eye face back word words name means
very good little big few many question subject opinion manner point sort kind
purpose reason result present future contrary extreme minute instant hour number year
evening afternoon bit lot while morning week month course effect rate sight idea thought
truth sake task cause spot ground distance direction one-half trifle smile sigh voice
tone laugh look glance cry shout effort attempt chance change arm arms foot feet head
neck mouth lips nose ear ears cheek cheeks breast heart shoulder shoulders knee knees
finger fingers great will own long second better low dark dead poor cold light chair seat
lad fellow lady gentleman""".split())

# Words of the old books that a reply should not repeat.
UNKIND = re.compile(r"(?i)nigg|negr|darky|darkey|darkies|\bcoon|squaw|half-breed|savage|heathen"
                    r"|\bjews?\b|chinam|\bjaps?\b|gyps|rape|whore|slut|lynch|suicide")


def read_lines(folder, name):
    with lzma.open(os.path.join(folder, "dialogue", name), "rt", encoding="utf-8") as f:
        for line in f:
            yield json.loads(line)


def tidy(text):
    return re.sub(r"\s+", " ", text).strip()


QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--"})


def plain(text):
    """ASCII only, so that a small vocabulary is not spent on rare bytes."""
    text = text.translate(QUOTES)
    return text if text.isascii() else ""


def stories(folder):
    with open(os.path.join(folder, "tinystories_1000.json"), encoding="utf-8") as f:
        return [plain(s) for s in json.load(f) if plain(s)]


def nouns_of(texts, least):
    counts = Counter(noun for text in texts for noun in NOUN.findall(text))
    return {n for n, c in counts.items() if c >= least and n not in NOT_NOUNS}


def story_chats(texts, nouns, rng):
    """A story and a request that names what is in it."""
    common = Counter(w for t in texts for w in set(re.findall(r"[a-z]+", t)))
    for text in texts:
        count = Counter(re.findall(r"[a-z]+", text.lower()))
        found = sorted((n for n in nouns if count[n] >= 2),
                       key=lambda n: (-count[n] / (20 + common[n]), n))[:3]
        name = re.search(r"\bnamed ([A-Z][a-z]+)", text)
        ask = rng.choice(["Tell me a story", "Please tell me a story", "Tell me a little story",
                          "Write a short story", "Can you tell me a story", "I want a story"])
        about = ""
        if name and rng.random() < 0.25:
            about = " about " + name.group(1)
            if found and rng.random() < 0.5:
                about += " and " + article(found[0])
        elif len(found) >= 2 and rng.random() < 0.4:
            about = f" about {article(found[0])} and {article(found[1])}"
        elif found and rng.random() < 0.85:
            about = " about " + article(found[0])
        yield [("user", ask + about + ("?" if ask.startswith("Can") else ".")),
               ("assistant", text)]


def read_books(folder):
    for path in sorted(glob.glob(os.path.join(folder, "pg19_train-*.txt.xz"))):
        with lzma.open(path, "rt", encoding="utf-8") as f:
            yield from f.read().split("\n\0\n")


def unwrapped(book):
    """The paragraphs of a whole book in their order, a line each; those with unkind words left out."""
    for raw in re.split(r"\n\s*\n", book):
        text = tidy(raw.replace("_", "").translate(QUOTES))
        if text and not UNKIND.search(text):
            yield text


def plain_books(folder, simple_words):
    """The books, those with the most words from simple_words in a sample first."""
    def ease(book):
        words = re.findall(r"[a-z]+", book[20000:60000])
        return sum(w in simple_words for w in words) / (len(words) + 100)
    return sorted(read_books(folder), key=ease, reverse=True)


def paragraphs(book):
    """Paragraphs of whole sentences in ASCII, unwrapped."""
    for raw in re.split(r"\n\s*\n", book):
        text = plain(tidy(raw.replace("_", "")))
        letters = sum(ch.isalpha() or ch == " " for ch in text)
        if (len(text) >= 40 and letters > 0.93 * len(text) and text[-1] in ".!?\""
                and (text[0].isupper() or text[0] == '"') and not text[:12].isupper()
                and not re.search(r"[\[\]{}|*=<>#]|\d\d|Gutenberg", text)
                and not UNKIND.search(text)):
            yield text


def book_chunks(book, size=1500):
    chunk = ""
    for text in paragraphs(book):
        chunk += ("\n\n" if chunk else "") + text
        if len(chunk) >= size:
            yield chunk[:2 * size]
            chunk = ""


def chats(folder):
    for thread in read_lines(folder, "topical_chat.jsonl.xz"):
        turns = [(t["role"], plain(tidy(t["text"]))) for t in thread["turns"]]
        for start in range(0, len(turns) - 3, 12):
            if all(text for _, text in turns[start:start + 12]):
                yield turns[start:start + 12]


def threads(folder):
    seen = set()
    for thread in read_lines(folder, "oasst100_paths.jsonl.xz"):
        turns = [(t["role"], plain(t["text"].strip())) for t in thread["turns"]]
        turns = turns[:len(turns) // 2 * 2]
        key = "".join(text[:80] for _, text in turns)
        if key in seen or not turns or not all(t and len(t) < 900 for _, t in turns):
            continue
        seen.add(key)
        yield turns


def tasks(folder, rng, share=0.15):
    for name in ("sgd.jsonl.xz", "taskmaster4.jsonl.xz"):
        for thread in read_lines(folder, name):
            turns = [(t["role"], plain(tidy(t["text"]))) for t in thread["turns"]]
            if rng.random() < share and all(text for _, text in turns):
                yield turns
