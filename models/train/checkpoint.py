"""checkpoint.pt in the folder of a run: weights, optimizer, configuration, where the run is."""
import os

import torch

from members import build


def path_of(run):
    return os.path.join(run, "checkpoint.pt")


def exists(run):
    return os.path.exists(path_of(run))


def read(run, device="cpu"):
    """The dict that save() wrote."""
    if not exists(run):
        raise SystemExit(f"{path_of(run)} is not there: no run was begun in this folder")
    return torch.load(path_of(run), map_location=device)


def save(run, member, model, optimizer, state):
    torch.save({"member": member, "config": vars(model.config), "model": model.state_dict(),
                "optimizer": optimizer.state_dict(), "state": state}, path_of(run) + ".tmp")
    os.replace(path_of(run) + ".tmp", path_of(run))


def load(run):
    """(model, state) of a run, ready to be asked."""
    saved = read(run)
    model = build(saved["member"], saved["config"])
    model.load_state_dict(saved["model"])
    return model.eval(), saved["state"]
