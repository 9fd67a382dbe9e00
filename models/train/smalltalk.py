"""Small talk: the lines of persona.txt and questions.txt as scenes, and scenes joined into chats."""
import re

from facts import fact
from grammar import chat_of, fill

SPLIT = " / "
MOST = 12  # exchanges of a chat
SHARES = {"talk": 60, "how": 6, "why": 6, "what": 4, "fact": 6, "topic": 15, "story": 3}  # of scenes
# What may stand before a question, and before its reply.
FIRST = [("{Hello!|Hi!|Hi there!|Hey!|Hello there.}", "{Hello!|Hi!}"),
         ("{Good morning!|Good morning.}", "Good morning!"), ("Good evening!", "Good evening!")]
NEXT = [("{Thank you!|Thanks!|Thank you.}", "You are welcome!"), ("{Okay.|All right.|Good.}", ""),
        ("{By the way:|One more thing.|Now something else.}", ""),
        ("{I see.|Interesting.}", "")]
NAME = "{What is my name?|What is my name?|Do you remember my name?|Do you know my name?|Who am I?}"


QUESTION = re.compile(r"(?i)^(can|could|do|did|are|is|will|would|what|who|how|which|have|may)\b[^.!?]*\.$")


class Line:
    """after: "?" or "!" where it follows only a reply that asks, or does not ask; else empty."""

    def __init__(self, after, asks, replies):
        self.after, self.asks, self.replies, self.follows = after, asks, replies, []

    def fits(self, reply):
        return not self.after or (self.after == "?") == reply.endswith("?")


def read(*paths):
    """The words, and the lines by kind, of files in the format that persona.txt tells of."""
    words, lines, kind = {}, {}, None
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for text in map(str.strip, f):
                if text.startswith("["):
                    kind = text.strip("[]")
                elif text.startswith("#") or " = " not in text:
                    continue
                else:
                    left, right = text.split(" = ", 1)
                    if left.startswith("$$"):
                        words.setdefault(left[2:], []).append(right)
                    elif left.startswith("$"):
                        words[left[1:]] = right.split(", ")
                    else:
                        depth, after, left = re.match(r"(>*)([?!]?) ?(.*)", left).groups()
                        under = lines.setdefault(kind, [])
                        for _ in depth:
                            under = under[-1].follows
                        under.append(Line(after, left.split(SPLIT), right.split(" | ")))
    return words, lines


class Talk:
    """All that can be said, by kind of scene; a scene is [(ask, reply)]."""

    def __init__(self, words, lines, topic_scene, story_scene):
        self.words, self.lines, self.topic_scene, self.story_scene = words, lines, topic_scene, story_scene

    def of(self, kind, rng, bound=None):
        """A scene of lines of this kind; what is asked in more ways comes more often."""
        lines = self.lines[kind]
        line = rng.choices(lines, [len(line.asks) for line in lines])[0]
        bound, pairs = {} if bound is None else bound, []
        while True:
            ask, reply = (fill(rng.choice(texts), self.words, bound, rng)
                          for texts in (line.asks, line.replies))
            pairs.append((ask[:-1] + "?" if QUESTION.match(ask) else ask, reply))
            follows = [line for line in line.follows if line.fits(reply)]
            if not follows or rng.random() < 0.3:
                return pairs
            line = rng.choice(follows)

    def scene(self, rng):
        kind = rng.choices(list(SHARES), SHARES.values())[0]
        if kind == "fact":
            return [fact(rng) for _ in range(rng.choice([1, 1, 2]))]
        if kind == "topic":
            return self.topic_scene(rng)
        if kind == "story":
            return self.story_scene(rng)
        pairs = self.of(kind, rng)
        if rng.random() < 0.2:
            pairs += self.of("answer" if pairs[-1][1].endswith("?") else "react", rng)
        return pairs

    def short_scene(self, rng):
        """A scene without long replies, to stand between two others."""
        while True:
            pairs = self.scene(rng)
            if all(len(reply) < 200 for _, reply in pairs):
                return pairs

    def glued(self, pairs, openings, rng):
        """The scene with some polite words before its first question."""
        (ask, reply), more = pairs[0], pairs[1:]
        before, answer = (fill(text, {}, {}, rng) for text in rng.choice(openings))
        return [(f"{before} {ask}", f"{answer} {reply}".strip()), *more]

    def chat_pairs(self, rng):
        """Up to MOST exchanges, now and then three times as many; half of the chats begin with a greeting."""
        scenes, bound, start = [], {}, rng.random()
        if start < 0.4:
            scenes.append(self.of("greet", rng, bound))
        elif start < 0.5:
            scenes.append(self.glued(self.scene(rng), FIRST, rng))
        most = rng.choice([MOST] * 5 + [3 * MOST])
        for _ in range(rng.choice([1, 2, 2, 3, 3, 4]) * most // MOST):
            scene = self.scene(rng)
            if scenes and rng.random() < 0.08:
                scene = self.glued(scene, NEXT, rng)
            scenes.append(scene)
            if rng.random() < 0.12 and not scene[-1][1].endswith("?"):
                scenes.append(self.of("thanks", rng))
        if "any" in bound and rng.random() < 0.5:
            asked = (fill(NAME, {}, {}, rng), f"Your name is {bound['any']}.")
            scenes.insert(rng.randint(2, len(scenes)), [asked])
        pairs = [pair for scene in scenes for pair in scene][:most]
        return pairs + (self.of("bye", rng) if rng.random() < 0.2 else [])

    def chat(self, rng):
        return chat_of(self.chat_pairs(rng), rng)
