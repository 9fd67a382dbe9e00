"""Mamba-2 (arXiv 2405.21060): a selective state space as chunked matrix products (SSD).

  z, xBC, dt = W_in u;  x, B, C = silu(conv xBC);  dt = softplus(dt + bias);  a = -exp(A_log) dt
  S_t = exp(a_t) S_{t-1} + dt_t B_t x_t^T;  y_t = C_t S_t + D x_t;  out = W_out rmsnorm(y silu(z))

Names are those of Hugging Face's Mamba2ForCausalLM; one group. Shapes as in common.py;
P head width, N state size, Q positions of a chunk, K chunks.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .common import Convolution, RMSNorm, draw_weights, pad_to

CHUNK = 64


@dataclass
class Config:
    vocab_size: int = 2048
    hidden_size: int = 256
    expand: int = 2
    state_size: int = 64
    head_dim: int = 64
    conv_kernel: int = 4
    num_hidden_layers: int = 5
    max_position_embeddings: int = 2048
    layer_norm_epsilon: float = 1e-5


def ssd(x, a, B, C):
    """The recurrence S_t = exp(a_t) S_{t-1} + B_t x_t^T, y_t = C_t S_t, a chunk at a time.

    x [b][T][H][P], a [b][T][H] (at most 0), B and C [b][T][N] -> y as x.
    """
    T = x.shape[1]
    x, a, B, C = (pad_to(v, CHUNK).unflatten(1, (-1, CHUNK)) for v in (x, a, B, C))
    b, K, Q, H, P = x.shape
    sums = a.cumsum(2)  # [b][K][Q][H]
    # Inside a chunk: y_i = sum_{s <= i} exp(a_{s+1} + ... + a_i) (C_i . B_s) x_s.
    along = sums.transpose(2, 3)  # [b][K][H][Q]
    future = torch.ones(Q, Q, dtype=torch.bool, device=x.device).triu(1)
    gap = (along.unsqueeze(-1) - along.unsqueeze(-2)).masked_fill(future, float("-inf"))
    pairs = (C @ B.transpose(-1, -2)).unsqueeze(2) * gap.exp()  # [b][K][H][Q][Q]
    y = (pairs @ x.transpose(2, 3)).transpose(2, 3)
    # Between chunks: the state that each one begins with.
    left = (sums[:, :, -1:] - sums).exp().unsqueeze(-1)  # [b][K][Q][H][1]
    added = (B.transpose(-1, -2) @ (x * left).flatten(3)).unflatten(-1, (H, P))
    keep = sums[:, :, -1].exp()[:, :, None, :, None]  # [b][K][1][H][1]
    state, begins = torch.zeros_like(added[:, 0]), []
    for kept, more in zip(keep.unbind(1), added.unbind(1)):
        begins.append(state)
        state = torch.addcmul(more, state, kept)
    begins = torch.stack(begins, dim=1).flatten(3)  # [b][K][N][H P]
    y = y + (C @ begins).unflatten(-1, (H, P)) * sums.exp().unsqueeze(-1)
    return y.flatten(1, 2)[:, :T]


class Mixer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.inner, self.state, self.head = c.expand * c.hidden_size, c.state_size, c.head_dim
        heads, wide = self.inner // c.head_dim, self.inner + 2 * c.state_size
        self.in_proj = nn.Linear(c.hidden_size, self.inner + wide + heads, bias=False)
        self.conv1d = Convolution(wide, c.conv_kernel)
        # dt begins between 0.001 and 0.1, evenly in its logarithm; the bias is softplus^-1 of it.
        dt = torch.exp(torch.empty(heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = RMSNorm(self.inner, c.layer_norm_epsilon)
        self.out_proj = nn.Linear(self.inner, c.hidden_size, bias=False)

    def forward(self, u):
        E, N = self.inner, self.state
        z, xBC, dt = self.in_proj(u).split([E, E + 2 * N, len(self.D)], dim=-1)
        x, B, C = F.silu(self.conv1d(xBC)).split([E, N, N], dim=-1)
        x, dt = x.unflatten(-1, (-1, self.head)), F.softplus(dt + self.dt_bias)
        y = ssd(x * dt.unsqueeze(-1), -self.A_log.exp() * dt, B, C) + self.D[:, None] * x
        return self.out_proj(self.norm(y.flatten(2) * F.silu(z)))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = RMSNorm(c.hidden_size, c.layer_norm_epsilon)
        self.mixer = Mixer(c)

    def forward(self, x):
        return x + self.mixer(self.norm(x))


class Body(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList([Layer(c) for _ in range(c.num_hidden_layers)])
        self.norm_f = RMSNorm(c.hidden_size, c.layer_norm_epsilon)


class Mamba2(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.backbone = Body(config)
        draw_weights(self, config.num_hidden_layers, ("out_proj",))

    def forward(self, ids):
        """ids [B][T] -> logits [B][T][V]."""
        x = self.backbone.embeddings(ids)
        for layer in self.backbone.layers:
            x = layer(x)
        return F.linear(self.backbone.norm_f(x), self.backbone.embeddings.weight)


def hf_config(config):
    inner = config["expand"] * config["hidden_size"]
    return {"architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", **config,
            "intermediate_size": inner, "num_heads": inner // config["head_dim"], "n_groups": 1,
            "chunk_size": CHUNK, "hidden_act": "silu", "use_bias": False, "use_conv_bias": True,
            "rms_norm": True, "residual_in_fp32": True}
