"""Batches of rows from the token streams of data.npz.

What a batch holds depends on the seed and the number of its step only (and, for chats, on how far
the run is): every member sees the same batches, and so does a run that was resumed.
"""
import numpy as np
import torch

BOS = 0  # the first token of every document
# Share of the rows drawn from each source, at the start and at the end; below 0 there is none.
MIX = {"books": (.10, .01), "stories": (.10, -.014), "chats": (.08, .03), "threads": (.01, .01),
       "tasks": (.03, .01), "smalltalk": (.24, .30), "topics": (.17, .21), "tales": (.10, .20),
       "recall": (.17, .23), "pg19": (1, 1)}
ANYWHERE = {"pg19"}  # rows begin anywhere in a document, with BOS in front; else at its beginning
# Rows are short at first, for that is cheaper: (share of the run that is behind, part of the length).
ROWS = {True: ((0.5, 4), (0.8, 2)), False: ((0.6, 4),)}  # chats, books


class Source:
    """A token stream."""

    def __init__(self, ids, anywhere):
        self.ids, self.anywhere = ids.astype(np.int64), anywhere
        self.starts = np.flatnonzero(self.ids == BOS)  # the last is behind the last document

    def row(self, length, rng):
        """`length` tokens of a document chosen by chance."""
        if not self.anywhere:
            start = rng.choice(self.starts[:-1])
            return np.take(self.ids, np.arange(start, start + length), mode="wrap")
        return self.row_at(rng.integers(len(self.ids)), length)

    def row_at(self, at, length):
        """BOS and length - 1 tokens from `at` on, or as far before as the document asks for."""
        which = np.searchsorted(self.starts[:-1], at, side="right") - 1
        at = max(self.starts[which] + 1, min(at, self.starts[which + 1] - (length - 1)))
        return np.concatenate([[BOS], np.take(self.ids, np.arange(at, at + length - 1), mode="wrap")])

    def held(self, rows, length):
        """The same rows every time: [n][length], n at most `rows`."""
        n = min(rows, (len(self.ids) - 1) // length)
        if self.anywhere:
            places = np.linspace(0, len(self.ids) - 1, n, endpoint=False).astype(np.int64)
            block = [self.row_at(at, length) for at in places]
        else:
            block = [self.ids[i * (length - 1):][:length] for i in range(n)]
        return torch.from_numpy(np.stack(block)) if n else None


class Batches:
    def __init__(self, path, seed):
        data, self.seed = np.load(path), seed
        names = [name for name in MIX if f"{name}.train" in data]
        self.train = {name: Source(data[f"{name}.train"], name in ANYWHERE) for name in names}
        self.valid = {name: Source(data[f"{name}.valid"], name in ANYWHERE) for name in names}
        self.chat = not ANYWHERE.intersection(names)

    def row_length(self, length, progress):
        return next((length // part for until, part in ROWS[self.chat] if progress < until), length)

    def draw(self, step, rows, length, progress):
        """[rows][length + 1] tokens of this step."""
        rng = np.random.default_rng((self.seed, step))
        share = np.array([max(0, MIX[n][0] + (MIX[n][1] - MIX[n][0]) * progress) for n in self.train])
        names = rng.choice(list(self.train), size=rows, p=share / share.sum())
        return torch.from_numpy(np.stack([self.train[n].row(length + 1, rng) for n in names]))
