"""Train a member of the family.

  python3 train.py --work WORK --minutes 80                                    the chat model
  python3 train.py --work WORK --out RUN --member mamba --tokens 24e6          one of the family

WORK holds data.npz and tokenizer.json; RUN (WORK itself if not given) receives checkpoint.pt and
loss.csv. Started again, it resumes. The learning rate and the mix of the sources follow the share
of the tokens, or of the minutes, that is used up: the run ends by itself and in good order.

  torchrun --nproc_per_node 2 train.py ...     two processes share every batch
"""
import argparse
import csv
import math
import os
import time

import torch
from torch import distributed
from torch.nn import functional as F

import checkpoint
from batches import Batches
from members import MEMBERS, SHAPES, build, parameter_count
from optimizer import Optimizer
from tokenizer import Tokenizer

WARMUP_STEPS, WARMUP_SHARE = 100, 0.05  # whichever is shorter
FINAL_LR = 0.03  # of the peak
LOGS = 20  # lines of loss.csv in a run


def loss_of(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def held_out_loss(model, sources, length, device, rows, at_once):
    """name -> mean loss in nats per token over the same `rows` held-out rows."""
    losses = {}
    for name, source in sources.items():
        ids = source.held(rows, length + 1)
        if ids is not None:
            parts = ids.to(device).split(at_once)
            losses[name] = sum(loss_of(model, p).item() * len(p) for p in parts) / len(ids)
    return losses


def learning_rate(step, progress, peak):
    cosine = FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))
    warm = max((step + 1) / WARMUP_STEPS, progress / WARMUP_SHARE)
    return peak * min(1.0, warm) * cosine


def share_gradients(model, workers):
    """Every worker's gradients become the mean of all."""
    grads = [p.grad for p in model.parameters()]
    flat = torch.cat([g.flatten() for g in grads]) / workers
    distributed.all_reduce(flat)
    for g, part in zip(grads, flat.split([g.numel() for g in grads])):
        g.copy_(part.view_as(g))


def learn(model, optimizer, lr, ids, workers, at_once):
    """One step; the rows go through the model `at_once` at a time. Returns the mean loss."""
    model.zero_grad(set_to_none=True)
    total = 0.0
    for part in ids.split(at_once):
        loss = loss_of(model, part) * (len(part) / len(ids))
        loss.backward()
        total += loss.item()
    if workers > 1:
        share_gradients(model, workers)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step(lr)
    return total


def configuration(args, batches):
    """Values of the member's Config: shape, vocabulary, context, then what --set says."""
    shape = args.shape or ("chat" if batches.chat else "memory")
    values = {**SHAPES[shape][args.member], "max_position_embeddings": args.length,
              "vocab_size": len(Tokenizer.load(args.work).tokens)}
    for name, value in (pair.split("=") for pair in args.set):
        kind = type(getattr(MEMBERS[args.member].Config, name))
        values[name] = kind(value)
    return values


def log(args, line, mode="a"):
    """A line of loss.csv."""
    with open(os.path.join(args.out, "loss.csv"), mode, newline="") as f:
        csv.writer(f).writerow(line)


def arguments():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of data.npz and tokenizer.json")
    args.add_argument("--out", help="folder of the run [WORK]")
    args.add_argument("--member", choices=MEMBERS, default="transformer")
    args.add_argument("--shape", choices=SHAPES, help="[chat or memory, as the data]")
    args.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE",
                      help="values of the member's Config, as hidden_size=128 num_hidden_layers=3")
    much = args.add_mutually_exclusive_group(required=True)
    much.add_argument("--tokens", type=float, help="length of the whole run in tokens")
    much.add_argument("--minutes", type=float, help="or in minutes")
    args.add_argument("--batch", type=int, help="tokens of a batch [8192; chat: 4096]")
    args.add_argument("--length", type=int, help="tokens of a row [2048; chat: 1024]")
    args.add_argument("--at-once", type=int, help="rows that go through the model together [all]")
    args.add_argument("--lr", type=float, default=2e-2)
    args.add_argument("--decay", type=float, default=0.1)
    args.add_argument("--save-minutes", type=float, default=6)
    args.add_argument("--threads", type=int, default=0, help="0: as torch likes")
    args.add_argument("--seed", type=int, default=1)
    return args.parse_args()


class Clock:
    """How much of the run is behind: the same in every process."""

    def __init__(self, args, state, workers, device):
        self.args, self.state, self.workers, self.device = args, state, workers, device
        self.before, self.begin = state["seconds"], time.time()

    def progress(self):
        seconds = torch.tensor(self.before + time.time() - self.begin, device=self.device)
        if self.workers > 1:
            distributed.broadcast(seconds, 0)
        self.state["seconds"] = seconds.item()
        if self.args.tokens:
            return min(1.0, self.state["tokens"] / self.args.tokens)
        return min(1.0, self.state["seconds"] / (60 * self.args.minutes))


class Report:
    """A line every 20 seconds."""

    def __init__(self, state, progress):
        self.time, self.tokens = time.time(), state["tokens"]
        self.first = (self.time, progress)

    def show(self, state, progress, lr):
        now = time.time()
        if now - self.time < 20 and progress < 1:
            return
        speed = (state["tokens"] - self.tokens) / (now - self.time)
        left = (now - self.first[0]) * (1 - progress) / max(1e-9, progress - self.first[1])
        print(f"step {state['step']} loss {state['loss']:.3f} lr {lr:.1e} {speed:.0f} tokens/s "
              f"{100 * progress:.1f}% {left / 60:.0f} minutes left", flush=True)
        self.time, self.tokens = now, state["tokens"]


def begin(args, batches, device):
    """Model, optimizer and state: new, or as the checkpoint has them."""
    os.makedirs(args.out, exist_ok=True)
    saved = checkpoint.read(args.out, device) if checkpoint.exists(args.out) else None
    if saved and saved["member"] != args.member:
        raise SystemExit(f"{args.out} holds a run of {saved['member']}")
    model = build(args.member, saved["config"] if saved else configuration(args, batches)).to(device)
    optimizer = Optimizer(model, args.lr, args.decay)
    state = {"step": 0, "tokens": 0, "seconds": 0.0, "loss": 0.0}
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    return model, optimizer, state


def keep(args, batches, model, optimizer, state, measure):
    """Write the checkpoint; with `measure`, how many held-out rows to read, also a line of loss.csv."""
    if measure:
        device = next(model.parameters()).device
        losses = held_out_loss(model, batches.valid, args.length, device, measure, args.at_once)
        log(args, [f"{state['seconds'] / 60:.1f}", state["step"], state["tokens"],
                   f"{state['loss']:.4f}",
                   *(f"{losses[n]:.4f}" if n in losses else "" for n in batches.valid)])
        print("held out:", {n: round(v, 3) for n, v in losses.items()}, flush=True)
    checkpoint.save(args.out, args.member, model, optimizer, state)


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    workers, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    device = f"cuda:{rank}" if torch.cuda.is_available() else "cpu"
    if workers > 1:
        distributed.init_process_group("nccl" if device != "cpu" else "gloo")
    torch.manual_seed(args.seed)

    batches = Batches(os.path.join(args.work, "data.npz"), args.seed)
    args.out = args.out or args.work
    args.length = args.length or (1024 if batches.chat else 2048)
    args.batch = args.batch or (4096 if batches.chat else 8192)
    args.at_once = args.at_once or args.batch
    if args.batch % (args.length * workers):
        raise SystemExit(f"--batch {args.batch} is no multiple of {args.length} times {workers}")
    model, optimizer, state = begin(args, batches, device)
    if rank == 0:
        print(f"{args.member}: {parameter_count(model)} parameters, {device}, "
              f"from step {state['step']}", flush=True)
        if not state["step"]:
            log(args, ["minutes", "step", "tokens", "loss", *batches.valid], "w")

    clock = Clock(args, state, workers, device)
    progress = clock.progress()
    report, last_save = Report(state, progress), time.time()
    while progress < 1:
        lr = learning_rate(state["step"], progress, args.lr)
        length = batches.row_length(args.length, progress)
        ids = batches.draw(state["step"], args.batch // length, length, progress)
        loss = learn(model, optimizer, lr, ids[rank::workers].to(device), workers, args.at_once)

        state["step"] += 1
        state["tokens"] += args.batch
        state["loss"] = 0.97 * state["loss"] + 0.03 * loss if state["step"] > 1 else loss
        last, progress = progress, clock.progress()
        due = int(progress * LOGS) > int(last * LOGS)
        if rank == 0:
            report.show(state, progress, lr)
            if due or time.time() - last_save >= 60 * args.save_minutes:
                keep(args, batches, model, optimizer, state, due and (16 if progress == 1 else 4))
                last_save = time.time()


if __name__ == "__main__":
    main()
