"""Questions with one answer that are made by tables: sums, capitals, days, months, opposites."""
from grammar import article, capital, fill


def table(text, between=None):
    """[[left, right]] of left:right."""
    return [pair.strip().split(":") for pair in text.replace("\n", " ").split(between)]


NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
CAPITALS = table("""France:Paris,England:London,Italy:Rome,Germany:Berlin,Spain:Madrid,Japan:Tokyo,South
Korea:Seoul,the United States:Washington,Austria:Vienna,Portugal:Lisbon,Greece:Athens,
Norway:Oslo,Sweden:Stockholm,Finland:Helsinki,Denmark:Copenhagen,Poland:Warsaw,Russia:Moscow,
China:Beijing,India:New Delhi,Egypt:Cairo,Canada:Ottawa,Mexico:Mexico City,Brazil:Brasilia,
Argentina:Buenos Aires,Peru:Lima,Australia:Canberra,Ireland:Dublin,Hungary:Budapest,
Turkey:Ankara,Kenya:Nairobi,Switzerland:Bern,Belgium:Brussels,Iceland:Reykjavik,
Thailand:Bangkok""", ",")
OPPOSITES = table("""big:small hot:cold old:young good:bad long:short high:low fast:slow light:dark
day:night rich:poor happy:sad full:empty open:closed hard:soft strong:weak wet:dry early:late
left:right up:down loud:quiet near:far thick:thin true:false first:last always:never""")
SOUNDS = table("""dog:woof cat:meow cow:moo duck:quack sheep:baa pig:oink horse:neigh hen:cluck
owl:hoot lion:roar frog:ribbit bee:buzz mouse:squeak snake:hiss""")
COLORS = table("""grass:green snow:white sun:yellow sky:blue sea:blue night:black fire:red
lemon:yellow banana:yellow tomato:red carrot:orange coal:black milk:white leaf:green frog:green
chocolate:brown""")
ONLY = set("grass snow sun sky sea night fire coal milk".split())
YOUNG = table("""dog:puppy cat:kitten cow:calf horse:foal sheep:lamb hen:chick duck:duckling
goat:kid bear:cub lion:cub frog:tadpole swan:cygnet""")
HELLO = table("""French:Bonjour Spanish:Hola Italian:Ciao German:Hallo Japanese:Konnichiwa
Korean:Annyeong Portuguese:Ola Dutch:Hallo""")


def sum_of(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    word, sign = "plus", "+"
    if rng.random() < 0.35:
        a, b, word, sign = max(a, b), min(a, b), "minus", "-"
    total = a + b if sign == "+" else a - b
    if rng.random() < 0.5:
        a, b, total = NUMBERS[a], NUMBERS[b], NUMBERS[total]
        form = f"{a} {word} {b}"
    else:
        form = rng.choice([f"{a} {sign} {b}", f"{a} {word} {b}"])
    ask = fill("{What is|What is|How much is|What's|Can you tell me what} ", {}, {}, rng)
    return (f"{ask} {form}{' is' if 'Can' in ask else ''}?", f"{capital(str(a))} {word} {b} is {total}.")


def capital_of(rng):
    country, city = rng.choice(CAPITALS)
    ask = rng.choice([f"What is the capital of {country}?", f"What is the capital of {country}?",
                      f"Do you know the capital of {country}?", f"Tell me the capital of {country}."])
    return ask, f"The capital of {country} is {city}."


def order_of(rng):
    names = rng.choice([DAYS, MONTHS])
    kind, i, step = "day" if names is DAYS else "month", rng.randrange(len(names)), rng.choice([1, -1])
    where = "after" if step == 1 else "before"
    ask = rng.choice([f"What comes {where} {names[i]}?", f"Which {kind} comes {where} {names[i]}?",
                      f"What {kind} is {where} {names[i]}?"])
    return ask, f"{names[(i + step) % len(names)]} comes {where} {names[i]}."


def count_on(rng):
    i = rng.randint(1, 19)
    if rng.random() < 0.5:
        number = rng.choice(["number ", ""])
        return f"What {number}comes after {NUMBERS[i]}?", f"After {NUMBERS[i]} comes {NUMBERS[i + 1]}."
    less, more = (NUMBERS[n] for n in sorted(rng.sample(range(1, 21), 2)))
    return (rng.choice([f"What is more, {less} or {more}?", f"Which is bigger, {more} or {less}?"]),
            f"{capital(more)} is more than {less}.")


def opposite_of(rng):
    a, b = rng.choice(OPPOSITES)
    if rng.random() < 0.5:
        a, b = b, a
    return (fill("{What is|What's|Do you know} the opposite of", {}, {}, rng) + f" {a}?",
            f"The opposite of {a} is {b}.")


def sound_of(rng):
    animal, sound = rng.choice(SOUNDS)
    ask = rng.choice([f"What sound does {article(animal)} make?", f"What does the {animal} say?",
                      f"How does {article(animal)} sound?"])
    return ask, f"{capital(article(animal))} says {sound}."


def color_of(rng):
    thing, color = rng.choice(COLORS)
    a = "the " + thing if thing in ONLY else article(thing)
    return (rng.choice([f"What color is {a}?", f"Which color does {a} have?", f"What is the color of {a}?"]),
            f"{capital(a)} is {color}.")


def young_of(rng):
    animal, young = rng.choice(YOUNG)
    ask = rng.choice([f"What is a young {animal} called?", f"What do you call a baby {animal}?",
                      f"What is the name of a young {animal}?"])
    return ask, f"A young {animal} is called {article(young)}."


def hello_in(rng):
    language, word = rng.choice(HELLO)
    return (rng.choice([f"How do you say hello in {language}?", f"What is hello in {language}?",
                        f"Say hello in {language}."]), f"In {language} you say {word}.")


MAKERS = [sum_of, sum_of, sum_of, capital_of, capital_of, order_of, count_on, opposite_of, sound_of,
          color_of, young_of, hello_in]


def fact(rng):
    """(question, answer)."""
    return rng.choice(MAKERS)(rng)
