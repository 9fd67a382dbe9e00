"""Made-up chats in which the user tells something and asks for it later.

They teach a tiny model the one skill a bounded memory can be seen by: copying a word from far
back. Half of the names are invented, so that they cannot be guessed. What was told last holds, and
what was never told is not known.
"""
import re

from grammar import capital, chat_of, fill

# Talk that would tell a fact of its own between the facts of a chat.
TELLS = re.compile(r"\bname|called|favorite|I am [A-Z]|I live|I work|years old|I have a|My |Call me|here\b"
                   r"|I was|I went")
FAVORITES = ("color", "food", "season", "animal", "hobby", "day")
KINDS = ["name"] * 6 + ["pet"] * 4 + ["city", "color"] * 3 + ["relative", "job", "number", "age", "trip",
                                                              *FAVORITES]


def any_name(names, rng):
    if rng.random() < 0.5:
        return rng.choice(names)
    parts = [rng.choice("b d f g h j k l m n p r s t v z br dr fl gr kl st tr sh".split())
             + rng.choice("a e i o u a e i o u ai ee".split()) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
    return capital("".join(parts)) + rng.choice(["", "", "n", "l", "s", "r", "x", "k", "m"])


def with_names(words):
    """The words of persona.txt and those that are made up."""
    return {**words, "any": lambda rng: any_name(words["name"], rng),
            "town": lambda rng: any_name(words["city"], rng),
            "count": lambda rng: str(rng.randint(2, 99)),
            "number": ["lucky number", "house number", "secret number"]}


def some_talk(talk, rng):
    """Up to two exchanges about something else."""
    while True:
        pairs = talk(rng)[:rng.choice([1, 1, 2])]
        if not any(TELLS.search(ask) for ask, _ in pairs):
            return pairs


class Told:
    """A fact of a kind: a favorite one, or one that has lines of its own."""

    def __init__(self, kind, words, lines, rng):
        self.kind, self.words, self.rng, self.bound = kind, words, rng, {}
        self.group = kind
        if kind in FAVORITES:
            value = rng.choice(words[kind])
            value = "the " + value if kind == "animal" else value
            self.group, self.bound = "favorite", {"kind": kind, "value": value}
        self.line = lines[self.group][0]
        self.tell = self.exchange(self.line)

    def say(self, text):
        return fill(text, self.words, self.bound, self.rng)

    def exchange(self, line):
        return self.say(self.rng.choice(line.asks)), self.say(self.rng.choice(line.replies))

    def ask(self):
        return self.exchange(self.rng.choice(self.line.follows))

    def not_told(self):
        return self.exchange(self.line.follows[0])[0], self.say(f"{{{self.group}_none}}")


def recall_pairs(words, lines, talk, rng, known):
    """Facts told, with other talk between; then they are asked for in any order.

    known: the kinds that were told before; those of this part are added.
    """
    kinds = list(dict.fromkeys(rng.choice(KINDS) for _ in range(rng.choice([1, 1, 2, 2, 3]))))
    facts = [Told(kind, words, lines, rng) for kind in kinds]
    pairs, style = [], rng.random()
    if style < 0.12:  # told and asked in one breath
        tell, (question, answer) = facts[0].tell[0], facts[0].ask()
        pairs.append((tell.rstrip(".") + ". " + question, answer))
    elif style < 0.24 and facts[0].kind not in known:  # asked too early
        pairs.append(facts[0].not_told())
        pairs.append(facts[0].tell)
    elif style < 0.34 and len(facts) > 1:  # two facts in one line
        first, second = facts[0], facts[1]
        pairs.append((f"{first.tell[0].rstrip('.')}. {second.tell[0]}", rng.choice([first, second]).tell[1]))
    for fact in facts:
        if not any(fact.tell[0].rstrip(".") in ask for ask, _ in pairs):
            pairs.append(fact.tell)
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            pairs += some_talk(talk, rng)
    if rng.random() < 0.2:  # told anew
        i = rng.randrange(len(facts))
        facts[i] = Told(facts[i].kind, words, lines, rng)
        pairs.append(facts[i].tell)
        if rng.random() < 0.5:
            pairs += some_talk(talk, rng)
    for fact in rng.sample(facts, len(facts)):
        pairs.append(fact.ask())
        if rng.random() < 0.3:
            pairs += some_talk(talk, rng)
    if rng.random() < 0.1:
        listed = " and ".join(fact.say(f"{{{fact.group}_sum}}") for fact in facts[:2])
        line = lines["all"][0]
        pairs.append((rng.choice(line.asks), fill(line.replies[0], {}, {"list": listed}, rng)))
    known.update(kinds)
    if rng.random() < 0.15:
        other = rng.choice(sorted(set(KINDS) - known - {"pet", "relative"}))
        pairs.append(Told(other, words, lines, rng).not_told())
    if rng.random() < 0.25:
        pairs.append(rng.choice(facts).ask())
    return pairs


def chat(words, lines, talk, rng):
    """lines: those of recall.txt by kind; talk(rng): a scene to stand between."""
    known = set()
    parts = [recall_pairs(words, lines, talk, rng, known) for _ in range(rng.choice([1, 1, 1, 1, 2, 3]))]
    return chat_of([pair for part in parts for pair in part], rng)
