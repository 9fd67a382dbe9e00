"""TTT-Linear and TTT-MLP (arXiv 2407.04620): the state of a head is a model that learns while it reads.

  f(x) = x + LN(x W1 + b1)  or  x + LN(gelu(x W1 + b1) W2 + b2);  loss |f(k) - v|^2 / 2
  K tokens make a mini-batch: all gradients g are taken at the weights that it begins with;
  its token t answers with W - tau_t sum_{s <= t} lr_s k_s^T g_s, the next begins after token K.

In the dual form (section 2.5) those sums are products of K x K matrices with g. Names and the plain
(Transformer) backbone are those of test-time-training/ttt-lm-pytorch. Shapes as in common.py;
N = B H heads of all rows, M mini-batches of K tokens.
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .common import RMSNorm, RotaryModel, SwiGLU, pad_to, rotate_pairs

EPS = 1e-6


@dataclass
class Config:
    vocab_size: int = 2048
    hidden_size: int = 256
    intermediate_size: int = 320
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    max_position_embeddings: int = 2048
    mini_batch_size: int = 16
    ttt_layer_type: str = "linear"  # or "mlp"
    ttt_base_lr: float = 1.0  # the authors' 0.1 for "mlp"
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0


def gradient(z, square, pull):
    """d loss / d z of |LN(z) - target|^2 / 2; square = weight^2, pull = (bias - target) weight."""
    var, mean = torch.var_mean(z, -1, unbiased=False, keepdim=True)
    scale = torch.rsqrt(var + EPS)
    x = (z - mean) * scale
    u = torch.addcmul(pull, x, square)
    return (u - u.mean(-1, keepdim=True) - x * (u * x).mean(-1, keepdim=True)) * scale


def gelu(x):
    return F.gelu(x, approximate="tanh")


def gelu_backward(g, x):
    """g times the slope of gelu at x."""
    return torch.ops.aten.gelu_backward(g, x, approximate="tanh")


def linear_step(state, q, k, rate, last, inner, pull, square):
    """One mini-batch of TTT-Linear: q, k, pull [N][K][E]; rate, inner [N][K][K]; last [N][1][K]."""
    W, b = state
    g = gradient(torch.baddbmm(b, k, W), square, pull)
    out = torch.baddbmm(torch.baddbmm(b, q, W), inner * rate, g, alpha=-1)
    W = torch.baddbmm(W, k.transpose(1, 2) * last, g, alpha=-1)
    return out, (W, torch.baddbmm(b, last, g, alpha=-1))


def mlp_step(state, q, k, rate, last, inner, pull, square):
    """One mini-batch of TTT-MLP: both layers step."""
    W1, b1, W2, b2 = state
    z1 = torch.baddbmm(b1, k, W1)
    x2 = gelu(z1)
    g2 = gradient(torch.baddbmm(b2, x2, W2), square, pull)
    g1 = gelu_backward(g2 @ W2.transpose(1, 2), z1)
    y2 = gelu(torch.baddbmm(torch.baddbmm(b1, q, W1), inner * rate, g1, alpha=-1))
    inner2 = (y2 @ x2.transpose(1, 2) + 1) * rate
    out = torch.baddbmm(torch.baddbmm(b2, y2, W2), inner2, g2, alpha=-1)
    return out, (torch.baddbmm(W1, k.transpose(1, 2) * last, g1, alpha=-1),
                 torch.baddbmm(b1, last, g1, alpha=-1),
                 torch.baddbmm(W2, x2.transpose(1, 2) * last, g2, alpha=-1),
                 torch.baddbmm(b2, last, g2, alpha=-1))


class TTT(nn.Module):
    def __init__(self, c):
        super().__init__()
        D, H, K = c.hidden_size, c.num_attention_heads, c.mini_batch_size
        E = D // H
        self.heads, self.batch, self.base_lr = H, K, c.ttt_base_lr
        self.q_proj = nn.Linear(D, D, bias=False)
        self.k_proj = nn.Linear(D, D, bias=False)
        self.v_proj = nn.Linear(D, D, bias=False)
        self.o_proj = nn.Linear(D, D, bias=False)
        self.learnable_ttt_lr_weight = nn.Parameter(torch.empty(H, 1, D).normal_(std=0.02))
        self.learnable_ttt_lr_bias = nn.Parameter(torch.zeros(H, 1))
        self.learnable_token_idx = nn.Parameter(torch.zeros(K))
        self.ttt_norm_weight = nn.Parameter(torch.ones(H, E))
        self.ttt_norm_bias = nn.Parameter(torch.zeros(H, E))
        self.post_norm = nn.LayerNorm(D, eps=EPS)
        wide = 4 * E if c.ttt_layer_type == "mlp" else E
        self.W1 = nn.Parameter(torch.empty(H, E, wide).normal_(std=0.02))
        self.b1 = nn.Parameter(torch.zeros(H, 1, wide))
        self.step, self.start = linear_step, ("W1", "b1")
        if wide > E:
            self.W2 = nn.Parameter(torch.empty(H, wide, E).normal_(std=0.02))
            self.b2 = nn.Parameter(torch.zeros(H, 1, E))
            self.step, self.start = mlp_step, ("W1", "b1", "W2", "b2")

    def views(self, x, cos, sin):
        """q, k, v [M][N][K][E] and the learning rates [M][N][1][K] of x [B][T][D], K divides T."""
        def cut(y):  # [B][T][H][E] -> [M][B][H][K][E]
            return y.unflatten(1, (-1, self.batch)).permute(1, 0, 3, 2, 4)
        q, k, v = (cut(linear(x).unflatten(-1, (self.heads, -1)))
                   for linear in (self.q_proj, self.k_proj, self.v_proj))
        lr = F.linear(x, self.learnable_ttt_lr_weight[:, 0], self.learnable_ttt_lr_bias[:, 0])
        lr = cut(self.base_lr / q.shape[-1] * torch.sigmoid(lr).unsqueeze(-1)).transpose(-1, -2)
        q, k = rotate_pairs(q, cos, sin), rotate_pairs(k, cos, sin)
        return (y.flatten(1, 2) for y in (q, k, v, lr))

    def forward(self, x, cos, sin):
        B, T, _ = x.shape
        K = self.batch
        q, k, v, lr = self.views(pad_to(x, K), cos, sin)
        tau = 1 / torch.arange(1, K + 1, device=x.device) + self.learnable_token_idx
        rate = (tau.clamp(min=0)[:, None] * lr).tril()  # [M][N][K][K]: what token t takes of step s
        inner = q @ k.transpose(-1, -2) + 1  # the 1 is the bias's step
        weight, bias = (p.repeat(B, 1).unsqueeze(1)  # [N][1][E]
                        for p in (self.ttt_norm_weight, self.ttt_norm_bias))
        square, pull = weight * weight, (bias - v + k) * weight
        state = tuple(getattr(self, name).repeat(B, 1, 1) for name in self.start)
        outs = []
        for piece in zip(q, k, rate, rate[:, :, -1:], inner, pull):
            out, state = self.step(state, *piece, square)
            outs.append(out)
        y = q + F.layer_norm(torch.stack(outs), q.shape[-1:], eps=EPS) * weight + bias
        y = y.unflatten(1, (B, self.heads)).permute(1, 0, 3, 2, 4).flatten(3).flatten(1, 2)[:, :T]
        return self.o_proj(self.post_norm(y))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.seq_norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.seq_modeling_block = TTT(c)
        self.ffn_norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = SwiGLU(c.hidden_size, c.intermediate_size)

    def forward(self, x, cos, sin):
        x = x + self.seq_modeling_block(self.seq_norm(x), cos, sin)
        return x + self.mlp(self.ffn_norm(x))


class TTTModel(RotaryModel):
    """Positions count within a mini-batch."""

    def __init__(self, config):
        width = config.hidden_size // config.num_attention_heads
        super().__init__(config, Layer, width, config.mini_batch_size)


def hf_config(config):
    return {"architectures": ["TTTForCausalLM"], "model_type": "ttt", **config,
            "hidden_act": "silu", "use_gate": False, "share_qk": False, "pre_conv": False,
            "conv_kernel": 4}
