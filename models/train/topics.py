"""Talk about the nouns of topics.txt, in the words of about.txt.

A noun is asked for in many ways; then comes more, and why, and yes or no, and what follows depends
on what was said. About a noun that is not there the model says so, and repeats it: `UNKNOWN`.
"""
import re

from grammar import article, chat_of, fill

UNKNOWN = """accordion almond anchor anvil apron arrow badge badger bagel banjo barrel bat beard
beaver beetle belt blender bolt bonfire boomerang bracelet brick bubble buckle cable calendar camel
canary canoe canyon cape carpet carrot cave ceiling cello chain cheetah chimney clam cobra coin
comet cookie cottage crab cradle crane crocodile crow crystal cucumber cupboard curtain cushion dam
diamond donkey drill drum eel engine envelope factory falcon feather fence ferret ferry flag
flamingo flute fork fountain fridge funnel galaxy garage gecko glacier glove goose gorilla hammer
hammock hamster harbor harp hawk hedgehog helmet heron hinge hippo hook igloo jacket jar jellyfish
jungle kangaroo kettle kite koala ladder lamb lantern lemon leopard lettuce lighthouse lily lizard
llama lobster lock lynx magnet marble mask medal melon meteor microscope mill mine mole mushroom
nail napkin needle nest net nut oar olive onion orchard oven oyster paddle palace pancake panda
parachute parrot peach peacock pear pebble pelican pen pencil pepper pigeon pillow pipe plum pocket
pond puma pump pumpkin puppet puzzle pyramid quail raccoon raft rat raven razor reef rhino ribbon
ring robin roof rope ruler saddle sail sandal satellite saw saxophone screw seal seed shell shovel
skirt skunk sled slipper sloth sock sparrow spoon squirrel stamp statue stork submarine suitcase
swamp swan sweater swing sword teapot telescope tent thermometer throne ticket toad toaster towel
tractor treasure trumpet tulip tunnel umbrella vase violin vulture wagon wallet wasp waterfall
weasel well wheel whistle wig windmill yak zebra zipper""".split()
LOOKS = ["big", "small", "nice", "beautiful", "little", "strange"]
SIGHTS = ("animal", "nature", "place", "thing", "vehicle", "person", "food")  # kinds one can see


def plural(noun):
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else noun + "s"


class Topic:
    """noun: for "a dog" and "the dog", None where no article fits; facts: three sentences."""

    def __init__(self, kind, head, body):
        noun, _, many = head.partition(" / ")
        texts = body.split(" | ")
        self.kind, self.facts, self.why, self.question = kind, texts[:3], texts[3], texts[4]
        self.noun = noun[4:] if noun.startswith("the ") else noun if many else None
        self.things = many or noun
        self.words = {
            "the": "the " + noun if many else noun, "a": article(noun) if many else noun,
            "things": self.things, "noun": noun, "are": "are" if many else "is",
            "told": self.facts[0], "told2": self.facts[1], "told3": self.facts[2],
            "fact": re.sub(r"^(A|An|The|It)\b", lambda m: m.group().lower(), self.facts[0]),
            "why": self.why, "question": self.question, "verb": self.question.split()[0].lower()}

    def say(self, text, rng, **more):
        bound = {**self.words, **more, "it": rng.choice([self.words["the"], self.things]),
                 "one": article(f"{rng.choice(LOOKS)} {self.noun}")}
        return fill(text, {}, bound, rng)


def read(path):
    """The topics of topics.txt."""
    topics, kind = [], None
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("["):
                kind = line.strip("[]\n")
            elif " = " in line and not line.startswith("#"):
                topics.append(Topic(kind, *line.strip().split(" = ", 1)))
    return topics


class Talk:
    """A talk about one topic: every fact is told once, and the question asked once."""

    def __init__(self, topic, lines, rng):
        self.topic, self.lines, self.rng = topic, lines, rng
        self.pairs, self.over = [], False

    def said(self, text):
        return any(text[1:] in reply for _, reply in self.pairs)

    def next_fact(self):
        return next((fact for fact in self.topic.facts if not self.said(fact)), "")

    def of(self, kind):
        """An exchange of the lines of a kind whose reply neither repeats nor offers what is told."""
        line = self.rng.choice(self.lines[kind])
        fact = self.next_fact()
        replies = [r for r in line.replies if (fact or "you more" not in r)
                   and ("{question}" not in r or kind != "nod" or not self.said(self.topic.question))]
        ask, reply = self.rng.choice(line.asks), self.rng.choice(replies)
        return self.topic.say(ask, self.rng), self.topic.say(reply, self.rng, next=fact)

    def begin(self):
        kinds = ["tell"] * 5 + ["like", "like", "love", "love", self.topic.kind, self.topic.kind]
        if self.topic.kind != "person":
            kinds.append("hate")
        if self.topic.noun and self.topic.kind in SIGHTS:
            kinds += ["seen", "seen", "ever", "help"]
        return self.of(self.rng.choice(kinds))

    def more(self):
        fact = self.next_fact()
        ask, last = self.of("more")
        self.over = not fact
        return ask, fact or last

    def go_on(self):
        """One more exchange: what may come depends on the last reply."""
        last, kind = self.pairs[-1][1], self.rng.random()
        if last.endswith(self.topic.question) and kind < 0.7:
            return self.of("yes" if kind < 0.4 else "no")
        if last.endswith(f"more about {self.topic.things}?"):
            return self.of("please")
        if last.endswith("something else?"):
            self.over = True
            return self.of("other")
        if self.topic.why in last and kind < 0.4:
            return self.of("why")
        if kind < 0.75:
            return self.more()
        return self.of("nod" if kind < 0.93 else "mean")

    def run(self, turns):
        self.pairs.append(self.begin())
        for _ in range(turns):
            if not self.over:
                self.pairs.append(self.go_on())
        return self.pairs


def unknown(lines, rng):
    """A noun that the model knows nothing of."""
    noun = rng.choice(UNKNOWN)
    topic = Topic("thing", f"{noun} / {plural(noun)}", " | ".join("?" * 5))
    line = lines["unknown"][0]
    pairs = [(topic.say(rng.choice(line.asks), rng), topic.say(rng.choice(line.replies), rng))]
    if rng.random() < 0.3:
        line = rng.choice([after for after in line.follows if after.fits(pairs[0][1])])
        pairs.append((topic.say(rng.choice(line.asks), rng), topic.say(rng.choice(line.replies), rng)))
    return pairs


def scene(topics, lines, rng):
    """lines: those of about.txt by their kind."""
    if rng.random() < 0.12:
        return unknown(lines, rng)
    return Talk(rng.choice(topics), lines, rng).run(rng.choice([0, 0, 1, 1, 2, 3, 4]))


def chat(topics, lines, rng):
    pairs = [pair for _ in range(rng.randint(1, 3)) for pair in scene(topics, lines, rng)]
    return chat_of(pairs, rng)
