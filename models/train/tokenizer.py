"""Byte-level BPE: train it, save it in Hugging Face's format, encode with it.

Text is cut into words by GPT-2's pattern, each word is written in GPT-2's
byte alphabet (256 printable characters, one per byte), and the most frequent
neighbouring pair of symbols is merged until the vocabulary is full.

Vocabulary order: special tokens, 256 bytes, then one token per merge.
"""
import heapq
import json
import os
from collections import Counter, defaultdict

import regex

BOS, USER, ASSISTANT, SYSTEM, END = SPECIAL = (
    "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")

PATTERN = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")


def byte_alphabet():
    """byte -> printable character: itself where printable, else from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable}
    table.update({b: chr(256 + i) for i, b in enumerate(others)})
    return table


ALPHABET = byte_alphabet()


def spell(word):
    """A word in the byte alphabet."""
    return "".join(ALPHABET[b] for b in word.encode("utf-8"))


def merge_word(symbols, pair):
    """symbols with every occurrence of pair joined."""
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def train(texts, vocab_size, min_count=2):
    """The list of merges (pairs of symbols), the most useful first."""
    counts = Counter()
    for text in texts:
        counts.update(PATTERN.findall(text))
    words = [(list(spell(w)), c) for w, c in counts.items() if c >= min_count]

    pair_count, pair_words = Counter(), defaultdict(set)
    for i, (symbols, c) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pair_count[pair] += c
            pair_words[pair].add(i)
    # A lazy heap: an entry whose count is out of date is corrected when it surfaces.
    heap = [(-c, pair) for pair, c in pair_count.items()]
    heapq.heapify(heap)

    merges = []
    while len(merges) < vocab_size - 256 - len(SPECIAL) and heap:
        negative, pair = heapq.heappop(heap)
        count = pair_count[pair]
        if count < -negative:
            if count > 0:
                heapq.heappush(heap, (-count, pair))
            continue
        merges.append(pair)
        changed = Counter()
        for i in pair_words.pop(pair):
            symbols, c = words[i]
            for old in zip(symbols, symbols[1:]):
                changed[old] -= c
            symbols = merge_word(symbols, pair)
            for new in zip(symbols, symbols[1:]):
                changed[new] += c
                pair_words[new].add(i)
            words[i] = (symbols, c)
        for other, delta in changed.items():
            if delta:
                pair_count[other] += delta
                if delta > 0:
                    heapq.heappush(heap, (-pair_count[other], other))
    return merges


class Tokenizer:
    """Encoder and decoder over a list of merges."""

    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        tokens = [*SPECIAL, *(ALPHABET[b] for b in range(256)),
                  *(a + b for a, b in self.merges)]
        self.vocab = {token: i for i, token in enumerate(tokens)}
        self.tokens = tokens
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.byte_of = {ch: b for b, ch in ALPHABET.items()}
        self.cache = {}

    def encode_word(self, word):
        symbols = list(spell(word))
        while len(symbols) > 1:
            pair = min(zip(symbols, symbols[1:]), key=lambda p: self.rank.get(p, 1 << 30))
            if pair not in self.rank:
                break
            symbols = merge_word(symbols, pair)
        return [self.vocab[s] for s in symbols]

    def encode(self, text):
        """Token ids of plain text; special tokens are not looked for."""
        ids = []
        for word in PATTERN.findall(text):
            known = self.cache.get(word)
            if known is None:
                known = self.cache[word] = self.encode_word(word)
            ids += known
        return ids

    def encode_chat(self, turns, prompt=False):
        """Token ids of [(role, text)]; prompt opens the assistant's reply."""
        ids = [self.vocab[BOS]]
        for role, text in turns:
            ids += [self.vocab[f"<|{role}|>"], *self.encode(text), self.vocab[END]]
        return ids + [self.vocab[ASSISTANT]] if prompt else ids

    def decode(self, ids):
        raw = bytearray()
        for i in ids:
            token = self.tokens[i]
            raw += token.encode() if token in SPECIAL else bytes(self.byte_of[c] for c in token)
        return raw.decode("utf-8", errors="replace")

    def save(self, folder, chat=True):
        """tokenizer.json and tokenizer_config.json as Hugging Face reads them.

        With chat the template writes the beginning of the text, without it the tokenizer does.
        """
        byte_level = {"type": "ByteLevel", "add_prefix_space": False,
                      "trim_offsets": True, "use_regex": True}
        write_json(os.path.join(folder, "tokenizer.json"), {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [
                {"id": i, "content": token, "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": True}
                for i, token in enumerate(SPECIAL)],
            "normalizer": None, "pre_tokenizer": byte_level,
            "post_processor": None, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "vocab": self.vocab,
                      "merges": [f"{a} {b}" for a, b in self.merges]}})
        write_json(os.path.join(folder, "tokenizer_config.json"), {
            "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": not chat,
            "bos_token": BOS, "eos_token": END, "clean_up_tokenization_spaces": False,
            **({"chat_template": CHAT_TEMPLATE} if chat else {})})

    @classmethod
    def load(cls, folder):
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
            return cls([m.split(" ") for m in json.load(f)["model"]["merges"]])


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1)
        f.write("\n")
