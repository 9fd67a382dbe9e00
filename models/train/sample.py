"""Chat with a checkpoint: print its replies to some prompts.

  python3 sample.py --work WORK [--temperature 0.7] ["a prompt" "another" ...]

Prompts joined by " / " are turns of one chat. Temperature 0 takes the likeliest token.
"""
import argparse
import os

import torch

from model import Config, Llama
from tokenizer import BOS, END, Tokenizer

PROMPTS = ("Hello!", "Who are you?", "Tell me about the sea.", "Tell me a story about a cat.",
           "Tell me a story about a boat and a bird.", "Do you like music?",
           "Did you watch the football game yesterday?", "I need a hotel in Paris.",
           "How can I sleep better?", "Why is the moon so bright?",
           "My name is Clara. / Tell me about the moon. / What is my name?",
           "My name is Tovim. / I have a dog named Rulo. / What is the name of my dog? / Who am I?")


def load(path):
    saved = torch.load(path, map_location="cpu")
    model = Llama(Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    return model.eval(), saved["state"]


@torch.no_grad()
def reply(model, tokenizer, turns, temperature, most=200):
    """The assistant's answer to turns; the window slides when it is full."""
    ids, out = tokenizer.encode_chat(turns, prompt=True), []
    stop = {tokenizer.vocab[END], tokenizer.vocab[BOS]}
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
    args.add_argument("--work", required=True, help="folder of checkpoint.pt")
    args.add_argument("--temperature", type=float, default=0.0)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("prompts", nargs="*", default=PROMPTS)
    args = args.parse_args()
    torch.manual_seed(args.seed)
    model, state = load(os.path.join(args.work, "checkpoint.pt"))
    tokenizer = Tokenizer.load(args.work)
    print(f"after {state['tokens']} tokens\n")
    for prompt in args.prompts:
        turns = []
        for text in prompt.split(" / "):
            turns.append(("user", text))
            turns.append(("assistant", reply(model, tokenizer, turns, args.temperature)))
            print(f"> {text}\n{turns[-1][1]}\n")


if __name__ == "__main__":
    main()
