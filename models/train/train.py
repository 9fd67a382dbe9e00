"""Train the model for a given number of minutes.

  python3 train.py --work WORK --minutes 80

The learning rate and the mix of the sources follow the share of the time that
is used up, so the run ends by itself and in good order on any machine. WORK
holds data.npz; it receives checkpoint.pt and loss.csv. Started again, it
resumes from the checkpoint.

  torchrun --nproc_per_node 2 train.py ...     two processes share every batch
"""
import argparse
import csv
import math
import os
import time

import numpy as np
import torch
from torch import distributed
from torch.nn import functional as F

from model import Config, Llama, parameter_count
from tokenizer import Tokenizer

# Share of the rows drawn from each source, at the start and at the end.
MIX = {"books": (.20, .02), "passages": (.05, .03), "stories": (.28, .24),
       "chats": (.17, .14), "threads": (.02, .04), "tasks": (.08, .03),
       "persona": (.07, .25), "recall": (.13, .25)}
WARMUP_STEPS = 100
FINAL_LR = 0.03  # of the peak
SHORT_ROWS = 0.65  # rows have half their length for this share of the time: cheaper attention


class Source:
    """A token stream, drawn from at the beginnings of its documents."""

    def __init__(self, ids):
        self.ids = ids.astype(np.int64)
        self.starts = np.flatnonzero(self.ids == 0)
        self.order = []

    def row(self, length, rng):
        """`length` tokens from the start of a document on; every document once a round."""
        if not len(self.order):
            self.order = rng.permutation(self.starts[:-1])
        start, self.order = self.order[-1], self.order[:-1]
        return np.take(self.ids, np.arange(start, start + length), mode="wrap")


def batch(sources, share, rows, length, rng):
    names = rng.choice(list(sources), size=rows, p=share)
    return torch.from_numpy(np.stack([sources[n].row(length + 1, rng) for n in names]))


def mix_at(progress, names):
    share = np.array([MIX[n][0] + (MIX[n][1] - MIX[n][0]) * progress for n in names])
    return share / share.sum()


def loss_of(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def held_out_loss(model, streams, length, device, rows):
    """name -> mean loss in nats per token over the first `rows` held-out rows."""
    losses = {}
    for name, ids in streams.items():
        n = min(rows, (len(ids) - 1) // length)
        if n:
            ids = ids[:n * length + 1].astype(np.int64)
            block = np.stack([ids[i * length:(i + 1) * length + 1] for i in range(n)])
            losses[name] = loss_of(model, torch.from_numpy(block).to(device)).item()
    return losses


def optimizer_of(model, lr, decay):
    """AdamW; norms and the embedding are not decayed."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() == 1 or "embed" in n]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": decay},
                              {"params": others, "weight_decay": 0.0}],
                             lr=lr, betas=(0.9, 0.95))


def learning_rate(step, progress, peak):
    cosine = FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))
    return peak * min(1.0, (step + 1) / WARMUP_STEPS) * cosine


def share_gradients(model, workers):
    """Every worker's gradients become the mean of all."""
    grads = [p.grad for p in model.parameters()]
    flat = torch.cat([g.flatten() for g in grads]) / workers
    distributed.all_reduce(flat)
    for g, part in zip(grads, flat.split([g.numel() for g in grads])):
        g.copy_(part.view_as(g))


def save(path, model, optimizer, state):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "config": vars(model.config), "state": state}, path + ".tmp")
    os.replace(path + ".tmp", path)


def arguments():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of data.npz and of the results")
    args.add_argument("--minutes", type=float, required=True, help="length of the whole run")
    args.add_argument("--batch", type=int, default=2048, help="tokens of a batch")
    args.add_argument("--length", type=int, default=512, help="tokens of a row")
    args.add_argument("--lr", type=float, default=2e-3)
    args.add_argument("--decay", type=float, default=0.1)
    args.add_argument("--save-minutes", type=float, default=6)
    args.add_argument("--threads", type=int, default=0, help="0: as torch likes")
    args.add_argument("--seed", type=int, default=1)
    return args.parse_args()


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    workers, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    device = f"cuda:{rank}" if torch.cuda.is_available() else "cpu"
    if workers > 1:
        distributed.init_process_group("nccl" if device != "cpu" else "gloo")
    torch.manual_seed(args.seed)

    data = np.load(os.path.join(args.work, "data.npz"))
    sources = {name: Source(data[f"{name}.train"]) for name in MIX}
    held = {name: data[f"{name}.valid"] for name in MIX}
    vocab = len(Tokenizer.load(args.work).tokens)
    model = Llama(Config(vocab_size=vocab, max_position_embeddings=args.length)).to(device)
    optimizer = optimizer_of(model, args.lr, args.decay)

    state = {"step": 0, "tokens": 0, "seconds": 0.0, "loss": 0.0}
    path = os.path.join(args.work, "checkpoint.pt")
    log_path = os.path.join(args.work, "loss.csv")
    if os.path.exists(path):
        saved = torch.load(path, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    elif rank == 0:
        with open(log_path, "w", newline="") as f:
            csv.writer(f).writerow(["minutes", "step", "tokens", "loss", *MIX])
    print(f"{parameter_count(model)} parameters, {device}, from step {state['step']}", flush=True)

    rng = np.random.default_rng((args.seed, state["step"], rank))
    before, begin, last_save = state["seconds"], time.time(), time.time()
    done = False
    while not done:
        clock = torch.tensor(before + time.time() - begin, device=device)
        if workers > 1:
            distributed.broadcast(clock, 0)
        state["seconds"] = clock.item()
        progress = min(1.0, state["seconds"] / (60 * args.minutes))
        done = progress >= 1.0
        lr = learning_rate(state["step"], progress, args.lr)
        for group in optimizer.param_groups:
            group["lr"] = lr

        length = args.length // 2 if progress < SHORT_ROWS else args.length
        ids = batch(sources, mix_at(progress, list(sources)),
                    args.batch // workers // length, length, rng)
        loss = loss_of(model, ids.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if workers > 1:
            share_gradients(model, workers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

        state["step"] += 1
        state["tokens"] += args.batch
        state["loss"] = loss.item() if state["step"] == 1 else (
            0.97 * state["loss"] + 0.03 * loss.item())
        if rank == 0 and state["step"] % 50 == 0:
            print(f"step {state['step']} loss {state['loss']:.3f} lr {lr:.1e} "
                  f"{state['tokens'] / (state['seconds'] + 1):.0f} tokens/s "
                  f"{100 * progress:.1f}%", flush=True)
        if rank == 0 and (done or time.time() - last_save >= 60 * args.save_minutes):
            last_save = time.time()
            losses = held_out_loss(model, held, args.length, device, rows=16 if done else 4)
            with open(log_path, "a", newline="") as f:
                csv.writer(f).writerow(
                    [f"{state['seconds'] / 60:.1f}", state["step"], state["tokens"],
                     f"{state['loss']:.4f}",
                     *(f"{losses[n]:.4f}" if n in losses else "" for n in MIX)])
            print("held out:", {n: round(v, 3) for n, v in losses.items()}, flush=True)
            save(path, model, optimizer, state)


if __name__ == "__main__":
    main()
