"""Muon for the matrices of products, AdamW for everything else.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): the momentum of a matrix is made nearly
orthogonal before it is the step, so that all its directions are learned alike. On the few tokens that
two cores can read it needs about half as many as AdamW for the same loss.
"""
import torch

MOMENTUM, REST = 0.95, 0.15
A, B, C = 3.4445, -4.7750, 2.0315  # a polynomial that pulls singular values towards 1


def orthogonal(g):
    """The nearest matrix with all singular values about 1 (0.7 ... 1.2): five Newton-Schulz steps."""
    x = g if g.shape[0] <= g.shape[1] else g.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        y = x @ x.T
        x = torch.addmm(x, torch.addmm(y, y, y, beta=B, alpha=C), x, beta=A)
    return x if g.shape[0] <= g.shape[1] else x.T


def is_product(name, p):
    return p.dim() == 2 and not any(word in name for word in ("embed", "norm", "bias"))


class Muon(torch.optim.Optimizer):
    """For matrices [out][in]: a step of lr sqrt(max(1, out / in)) in each direction; `decay` shrinks them."""

    def __init__(self, matrices, lr, decay):
        super().__init__(matrices, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - MOMENTUM)
                step = orthogonal(p.grad.lerp(mean, MOMENTUM))  # Nesterov's
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(step, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)


class Optimizer:
    """Both; what AdamW takes steps by REST of the rate and is not decayed."""

    def __init__(self, model, lr, decay):
        named = list(model.named_parameters())
        self.muon = Muon([p for n, p in named if is_product(n, p)], lr, decay)
        self.adamw = torch.optim.AdamW([p for n, p in named if not is_product(n, p)], lr * REST,
                                       betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, lr):
        for part, rate in ((self.muon, lr), (self.adamw, lr * REST)):
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def state_dict(self):
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, saved):
        self.muon.load_state_dict(saved["muon"])
        self.adamw.load_state_dict(saved["adamw"])
