"""Short tales by the plots of stories.txt: who, where, want, trouble, help, end.

Any noun can be the hero. Those who walk (animals, people, vehicles) have other plots than those who
stay where they are (houses, things, the moon); the second noun is a friend who walks, or a find.
"""
from grammar import article, chat_of, fill

# The kinds of topics that can be heroes, and whether they walk; and heroes beside the topics.
TOLD = {"animal": True, "person": True, "vehicle": True, "nature": False, "place": False,
        "thing": False, "food": False}
WALK = """prince witch giant wizard fairy kitten puppy lamb squirrel hedgehog crow swan parrot
donkey camel crab seal bat worm beetle baker painter cook girl boy truck tractor snowman doll calf
foal hamster lizard crocodile zebra kangaroo panda badger beaver rat rooster goose dinosaur unicorn
monster ghost elf mermaid tailor shepherd gardener fisherman hunter singer postman clown nurse
cowboy astronaut""".split()
STAY = """shoe spoon cup pencil box bell coin drum teapot umbrella pumpkin mushroom leaf shell
lighthouse mill well cave tent kite blanket button sock violin bottle basket boot ring crown sword
lantern puddle wave pond valley cherry carrot pear acorn seed cactus rock bench barn roof chimney
fountain statue planet picture pillow needle ladder broom brush bucket pot pan glove scarf""".split()
HE = set("""king knight pirate father sailor prince wizard boy fisherman grandfather cowboy postman
shepherd""".split())
SHE = set("queen princess mother grandmother witch fairy girl mermaid nurse".split())
YOUNG = set("child baby boy girl kitten puppy lamb calf foal".split())
PERSONS = set("""child baby friend teacher doctor farmer giant baker painter cook tailor gardener
hunter singer clown astronaut elf""".split()) | HE | SHE


def pronoun(noun, rng):
    if noun not in PERSONS:
        return {"he": "it", "himself": "itself", "it": "it"}
    he = noun in HE or noun not in SHE and rng.random() < 0.5
    return {"he": "he", "himself": "himself"} if he else {"he": "she", "himself": "herself"}


class Tales:
    """words, lines: those of stories.txt; walks: noun -> True when it walks, of all heroes."""

    def __init__(self, topics, words, lines):
        self.words, self.lines = words, lines
        self.walks = {**dict.fromkeys(WALK, True), **dict.fromkeys(STAY, False)}
        for topic in topics:
            if topic.kind in TOLD and topic.noun and topic.noun not in ("friend", "family"):
                self.walks[topic.noun] = TOLD[topic.kind]
        self.nouns = sorted(self.walks)

    def tale(self, rng, hero=None, friend=None):
        """A tale and its words; the nouns are chosen by chance unless they are given."""
        hero = hero or rng.choice(self.nouns)
        both_stay = friend and not self.walks[hero] and not self.walks[friend]
        if both_stay or rng.random() < (0.2 if friend else 0.03):
            kind = "pair"
        elif not self.walks[hero]:
            kind = "stay"
        else:
            kind = "visit" if friend and not self.walks[friend] else "walk"
        words = {**self.words, "friend": [w for w in self.words["friend"] if w != hero],
                 "adj": [w for w in self.words["adj"] if w != "old" or hero not in YOUNG]}
        bound = {"hero": hero, **pronoun(hero, rng), **({"friend": friend} if friend else {})}
        return fill(f"{{{kind}}}", words, bound, rng), bound

    def after(self, bound, rng):
        """What may be said after a tale."""
        named = "name" in bound and rng.random() < 0.4
        line = rng.choice(self.lines["named" if named else "after"])
        words = {"tale": lambda rng: self.tale(rng)[0],
                 "again": lambda rng: self.tale(rng, bound["hero"])[0]}
        while True:
            reply = rng.choice(line.replies)
            yield fill(rng.choice(line.asks), words, bound, rng), fill(reply, words, bound, rng)
            follows = [after for after in line.follows if after.fits(reply)]
            if not follows or rng.random() < 0.3:
                return
            line = rng.choice(follows)

    def scene(self, rng):
        """A request, its tale and sometimes more."""
        hero, friend = rng.sample(self.nouns, 2)
        ask, kind = "{ask}", rng.random()
        if kind < 0.1:
            hero = friend = None
        elif kind < 0.4:
            ask += f" about {article(hero)} and {article(friend)}"
        else:
            friend = None
            ask += " about " + (article(hero) if rng.random() < 0.85 else "the " + hero)
        text, bound = self.tale(rng, hero, friend)
        ask = fill(ask, self.words, {}, rng)
        pairs = [(ask + ("?" if ask.startswith(("Can", "Could", "Do ")) else "."), text)]
        return pairs + list(self.after(bound, rng)) if rng.random() < 0.6 else pairs

    def chat(self, rng):
        return chat_of([pair for _ in range(rng.choice([1, 1, 2])) for pair in self.scene(rng)], rng)
