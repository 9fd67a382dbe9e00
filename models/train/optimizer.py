"""Muon for the matrices of products, AdamW for everything else.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): the momentum of a matrix is made nearly
orthogonal before it is the step, so that all its directions are learned alike. On the few tokens that
two cores can read it needs about half as many as AdamW for the same loss.
"""
import torch

MOMENTUM, ADAM = 0.95, {"betas": (0.9, 0.95), "eps": 1e-8}
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


class Optimizer(torch.optim.Optimizer):
    """One group of matrices for Muon, one of the rest; `lr` is set by the caller before every step.

    A matrix [out][in] steps by lr sqrt(max(1, out / in)) in each direction, the rest by
    `rest` lr; `decay` shrinks matrices alone.
    """

    def __init__(self, model, lr, rest=0.15, decay=0.1):
        named = list(model.named_parameters())
        groups = [{"params": [p for n, p in named if is_product(n, p)], "muon": True},
                  {"params": [p for n, p in named if not is_product(n, p)], "muon": False}]
        super().__init__(groups, {"lr": lr, "rest": rest, "decay": decay, "muon": False})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    (self.muon if group["muon"] else self.adam)(p, self.state[p], group)

    def muon(self, p, state, group):
        mean = state.setdefault("mean", torch.zeros_like(p))
        mean.lerp_(p.grad, 1 - MOMENTUM)
        step = orthogonal(p.grad.lerp(mean, MOMENTUM))  # Nesterov's
        p.mul_(1 - group["lr"] * group["decay"])
        p.add_(step, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)

    def adam(self, p, state, group):
        if not state:
            state.update(steps=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
        state["steps"] += 1
        (b1, b2), n = ADAM["betas"], state["steps"]
        state["mean"].lerp_(p.grad, 1 - b1)
        state["square"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
        root = (state["square"] / (1 - b2 ** n)).sqrt_().add_(ADAM["eps"])
        p.addcdiv_(state["mean"], root, value=-group["lr"] * group["rest"] / (1 - b1 ** n))
