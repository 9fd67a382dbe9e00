"""Ask a run: a chat model for replies, a model of books for how a text goes on.

  python3 sample.py --work WORK [--run RUN] [--temperature 0.7] ["a prompt" "another" ...]

Chats: prompts joined by " / " are turns of one chat. Temperature 0 takes the likeliest token.
"""
import argparse
import json
import os

import torch

import checkpoint
from tokenizer import BOS, END, Tokenizer

PROMPTS = ("Hello!", "Who are you?", "Tell me about the sea.", "Tell me a story about a cat.",
           "Tell me a story about a boat and a bird.", "Do you like music?",
           "Did you watch the football game yesterday?", "I need a hotel in Paris.",
           "How can I sleep better?", "Why is the moon so bright?",
           "My name is Clara. / Tell me about the moon. / What is my name?",
           "My name is Tovim. / I have a dog named Rulo. / What is the name of my dog? / Who am I?")
OPENINGS = ("It was a dark and stormy night", "The captain looked at the sea, and said:",
            "CHAPTER I\n\nThe house of my uncle stood")


@torch.no_grad()
def continued(model, tokenizer, ids, temperature, most):
    """Text after ids; the window slides when it is full."""
    out, stop = [], {tokenizer.vocab[END], tokenizer.vocab[BOS]}
    window = model.config.max_position_embeddings
    for _ in range(most):
        logits = model(torch.tensor([(ids + out)[-window:]]))[0, -1]
        if temperature > 0:
            chosen = torch.multinomial((logits / temperature).softmax(-1), 1).item()
        else:
            chosen = logits.argmax().item()
        if chosen in stop:
            break
        out.append(chosen)
    return tokenizer.decode(out)


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of tokenizer.json")
    args.add_argument("--run", help="folder of checkpoint.pt [WORK]")
    args.add_argument("--temperature", type=float, default=0.0)
    args.add_argument("--tokens", type=int, default=200, help="length of a reply at most")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("prompts", nargs="*")
    args = args.parse_args()
    torch.manual_seed(args.seed)
    model, state = checkpoint.load(args.run or args.work)
    tokenizer = Tokenizer.load(args.work)
    with open(os.path.join(args.work, "tokenizer_config.json"), encoding="utf-8") as f:
        chats = "chat_template" in json.load(f)
    print(f"after {state['tokens']} tokens\n")
    for prompt in args.prompts or (PROMPTS if chats else OPENINGS):
        if not chats:
            ids = [tokenizer.vocab[BOS], *tokenizer.encode(prompt)]
            print(f"> {prompt}|{continued(model, tokenizer, ids, args.temperature, args.tokens)}\n")
            continue
        turns = []
        for text in prompt.split(" / "):
            turns.append(("user", text))
            ids = tokenizer.encode_chat(turns, prompt=True)
            turns.append(("assistant", continued(model, tokenizer, ids, args.temperature, args.tokens)))
            print(f"> {text}\n{turns[-1][1]}\n")


if __name__ == "__main__":
    main()
