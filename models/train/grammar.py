"""Texts with gaps: {a|b} is one of these by chance, {word} a word that is bound to the talk.

A word comes from a table, name -> list of words or function of rng. It stays the same until its
`bound` dictionary is thrown away; {word2} is another one of the same list; {Word} has a capital and
{a word} an article.
"""
import re

GAP = re.compile(r"\{([^{}]*)\}")
SHORT = [("I am ", "I'm "), ("do not ", "don't "), ("does not ", "doesn't "), ("did not ", "didn't "),
         ("What is ", "What's "), ("It is ", "It's "), ("cannot ", "can't "), ("That is ", "That's "),
         ("I have been", "I've been"), ("I would ", "I'd "), ("I will ", "I'll "), ("Let us ", "Let's ")]


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def capital(text):
    return text[:1].upper() + text[1:]


def look_up(name, words, bound, rng):
    """The word bound to a name; one that no other name of the same list is bound to."""
    if name not in bound:
        kind = name.rstrip("0123456789")
        values = words[kind]
        if callable(values):
            bound[name] = values(rng)
        else:
            used = {v for k, v in bound.items() if k.rstrip("0123456789") == kind}
            bound[name] = rng.choice([v for v in values if v not in used])
    return bound[name]


def fill(text, words, bound, rng):
    def one(match):
        inner = match.group(1)
        if "|" in inner:
            return rng.choice(inner.split("|"))
        if inner.startswith(("a ", "A ")):
            text = article(look_up(inner[2:], words, bound, rng))
            return capital(text) if inner[0] == "A" else text
        text = look_up(inner.lower(), words, bound, rng)
        return capital(text) if inner[0].isupper() else text

    while GAP.search(text):
        text = GAP.sub(one, text)
    text = re.sub(r" +", " ", text).replace(" .", ".").replace(" ?", "?").replace(" ,", ",")
    return re.sub(r"([.!?])[.?!]+$", r"\1", text.strip()) if "..." not in text else text.strip()


def casual(text, rng):
    """What a user types: now and then with a short form, a small letter, no stop at the end."""
    if rng.random() < 0.25:
        for long, short in SHORT:
            text = text.replace(long, short)
    if rng.random() < 0.12 and not text.startswith(("I ", "I'")):
        text = text[:1].lower() + text[1:]
    if rng.random() < 0.15:
        text = text.rstrip(".")
    return text or "..."


def chat_of(pairs, rng):
    """[(ask, reply)] as turns, the user's ones casual."""
    return [turn for ask, reply in pairs
            for turn in (("user", casual(ask, rng)), ("assistant", reply))]
