"""Made-up chats in which the user tells something and asks for it later.

They teach a tiny model the one skill a bounded memory can be seen by:
copying a word from far back. Half of the names are invented, so that they
cannot be guessed.
"""

NAMES = """Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kate Leo Mary Nora Oscar
Paul Rosa Sam Tom Vera Will Zoe Lily Max Mia Tim Sara Lucy Jane Peter Alice Bob Carl
Diana Eva Frank George Helen Ivan Julia Karl Laura Mark Nina Otto Rita Simon Tina""".split()
COLOURS = "red blue green yellow purple orange pink brown black white grey golden".split()
ANIMALS = "dog cat horse rabbit bird fish mouse goat cow duck".split()
FOODS = "bread soup cheese apples rice cake pasta honey pears fish eggs salad".split()
CITIES = """London Paris Rome Berlin Madrid Tokyo Seoul Oslo Vienna Lisbon Dublin Boston
Chicago Cairo Delhi Sydney Moscow Athens Prague Toronto""".split()


def any_name(rng):
    if rng.random() < 0.5:
        return rng.choice(NAMES)
    parts = rng.randint(2, 3)
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou")
                   for _ in range(parts)).capitalize() + rng.choice(["", "n", "l", "s"])


def name_fact(rng):
    name = any_name(rng)
    tell = rng.choice(["My name is {}.", "I am {}.", "Hi, I am {}.", "Hello, my name is {}.",
                       "Please call me {}.", "my name is {}"]).format(name)
    reply = rng.choice(["Nice to meet you, {}!", "Hello, {}! How are you?",
                        "Hello, {}! What would you like to talk about?"]).format(name)
    ask = rng.choice(["What is my name?", "Do you remember my name?", "Who am I?",
                      "What was my name?", "what is my name?"])
    return tell, reply, ask, f"Your name is {name}."


def pet_fact(rng):
    name, animal = any_name(rng), rng.choice(ANIMALS)
    tell = rng.choice(["I have a {a} named {n}.", "My {a} is called {n}.",
                       "The name of my {a} is {n}."]).format(a=animal, n=name)
    reply = f"{name} is a nice name for a {animal}."
    ask = rng.choice(["What is the name of my {a}?", "What is my {a} called?",
                      "Do you remember the name of my {a}?"]).format(a=animal)
    return tell, reply, ask, f"Your {animal} is called {name}."


def thing_fact(rng):
    kind, values = rng.choice([("color", COLOURS), ("food", FOODS), ("animal", ANIMALS)])
    value = rng.choice(values)
    tell = rng.choice(["My favorite {k} is {v}.", "I like the {k} {v} best."]).format(
        k=kind, v=value)
    ask = rng.choice(["What is my favorite {}?", "Which {} do I like best?"]).format(kind)
    return tell, f"I will remember that you like {value}.", ask, f"Your favorite {kind} is {value}."


def city_fact(rng):
    city = rng.choice(CITIES) if rng.random() < 0.6 else any_name(rng)
    tell = rng.choice(["I live in {}.", "My home is in {}.", "I am from {}."]).format(city)
    ask = rng.choice(["Where do I live?", "Where is my home?", "In which city do I live?"])
    return tell, f"I hope you like it in {city}.", ask, f"You live in {city}."


def number_fact(rng):
    number = rng.randint(2, 99)
    what = rng.choice(["lucky number", "house number", "secret number"])
    return (f"My {what} is {number}.", f"I will remember the number {number}.",
            f"What is my {what}?", f"Your {what} is {number}.")


FACTS = (name_fact, name_fact, pet_fact, thing_fact, city_fact, number_fact)


def recall_chat(rng, fillers):
    """One to three facts, other talk between, then the questions in any order."""
    kinds = rng.sample(range(1, len(FACTS)), rng.randint(1, 3))
    facts = [FACTS[k](rng) for k in kinds]
    pairs = []
    for tell, reply, _, _ in facts:
        pairs.append((tell, reply))
        pairs += rng.sample(fillers, rng.choice([0, 0, 1, 2]))
    rng.shuffle(facts)
    for _, _, ask, answer in facts:
        pairs.append((ask, answer))
        pairs += rng.sample(fillers, rng.choice([0, 0, 0, 1]))
    return [turn for ask, answer in pairs for turn in (("user", ask), ("assistant", answer))]
