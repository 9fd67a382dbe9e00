"""Parameters of every member in every shape."""
from . import MEMBERS, SHAPES, build, parameter_count

for shape, vocabulary in (("chat", 3072), ("memory", 2048), ("tiny", 512)):
    for name in MEMBERS:
        model = build(name, {"vocab_size": vocabulary, **SHAPES[shape][name]})
        print(f"{shape:7} {name:12} {parameter_count(model):9}")
