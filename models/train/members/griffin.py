"""Griffin (arXiv 2402.19427) as RecurrentGemma: two recurrent blocks, then one with local attention.

  u = conv(W_x x);  r = sigmoid(A_r u + b_r), i = sigmoid(A_i u + b_i)      A: a block per head
  log a = -8 r softplus(Lambda);  h = a h + sqrt(1 - a^2) (i u);  y = W_o (h gelu(W_y x))

Names are those of Hugging Face's RecurrentGemmaForCausalLM; one key/value head. As the authors'
code, a token attends to `attention_window_size` tokens before itself. Shapes as in common.py.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .common import Convolution, angles, draw_weights, pad_to, rotate_halves

CHUNK = 64
PATTERN = ("recurrent", "recurrent", "attention")


@dataclass
class Config:
    vocab_size: int = 2048
    hidden_size: int = 256
    intermediate_size: int = 640  # config.json counts gate and up: twice as many
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    head_dim: int = 64
    lru_width: int = 256
    attention_window_size: int = 256
    conv1d_width: int = 4
    logits_soft_cap: float = 30.0
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0


class Norm(nn.Module):
    """RMSNorm whose weight is stored without its 1."""

    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(c.hidden_size))
        self.eps = c.rms_norm_eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * (1 + self.weight)


class Scan(torch.autograd.Function):
    """h_t = a_t h_{t-1} + b_t for a, b [B][T][D]; only products of a's, so nothing overflows."""

    @staticmethod
    def run(a, b):
        """All chunks side by side from 0, then what each one's beginning adds."""
        T = a.shape[1]
        a, h = (pad_to(x, CHUNK).unflatten(1, (-1, CHUNK)).contiguous() for x in (a, b))
        a, h = a.clone(), h.clone()
        for i in range(1, CHUNK):
            h[:, :, i].addcmul_(a[:, :, i], h[:, :, i - 1])
            a[:, :, i].mul_(a[:, :, i - 1])
        for k in range(1, h.shape[1]):
            h[:, k].addcmul_(a[:, k], h[:, k - 1, -1:])
        return h.flatten(1, 2)[:, :T]

    @staticmethod
    def forward(ctx, a, b):
        h = Scan.run(a, b)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx, grad):
        a, h = ctx.saved_tensors
        # The same recurrence from the end on: d_t = grad_t + a_{t+1} d_{t+1}.
        after = F.pad(a[:, 1:], (0, 0, 0, 1))
        d = Scan.run(after.flip(1), grad.flip(1)).flip(1)
        return d * F.pad(h[:, :-1], (0, 0, 1, 0)), d


class RGLRU(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, E = c.num_attention_heads, c.lru_width // c.num_attention_heads
        # At the start a, with r = 1, lies evenly between 0.9 and 0.999: softplus(Lambda) = -log(a) / 8.
        decay = -torch.empty(c.lru_width).uniform_(0.9, 0.999).log() / 8
        self.recurrent_param = nn.Parameter(torch.log(torch.expm1(decay)))
        self.input_gate_weight = nn.Parameter(torch.empty(self.heads, E, E).normal_(std=0.02))
        self.input_gate_bias = nn.Parameter(torch.zeros(self.heads, E))
        self.recurrent_gate_weight = nn.Parameter(torch.empty(self.heads, E, E).normal_(std=0.02))
        self.recurrent_gate_bias = nn.Parameter(torch.zeros(self.heads, E))

    def gate(self, u, weight, bias):
        """sigmoid(A u + b), A [H][in][out]; u [B][T][width]."""
        x = u.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(0, 1)  # [H][B T][E]
        y = torch.baddbmm(bias.unsqueeze(1), x, weight).transpose(0, 1)
        return torch.sigmoid(y.reshape(u.shape))

    def forward(self, u):
        r = self.gate(u, self.recurrent_gate_weight, self.recurrent_gate_bias)
        i = self.gate(u, self.input_gate_weight, self.input_gate_bias)
        log_a = -8 * r * F.softplus(self.recurrent_param)
        # The bound keeps the root's slope at most 1000, as the authors' code does.
        scale = (-torch.expm1(2 * log_a)).clamp(min=2.5e-7).sqrt()
        scale = torch.cat([torch.ones_like(scale[:, :1]), scale[:, 1:]], dim=1)  # nothing before it
        return Scan.apply(log_a.exp(), scale * i * u)


class Recurrent(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.linear_x = nn.Linear(c.hidden_size, c.lru_width)
        self.linear_y = nn.Linear(c.hidden_size, c.lru_width)
        self.linear_out = nn.Linear(c.lru_width, c.hidden_size)
        self.conv_1d = Convolution(c.lru_width, c.conv1d_width)
        self.rg_lru = RGLRU(c)

    def forward(self, x, cos, sin):
        h = self.rg_lru(self.conv_1d(self.linear_x(x)))
        return self.linear_out(h * F.gelu(self.linear_y(x), approximate="tanh"))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.head_dim, self.window = (
            c.num_attention_heads, c.head_dim, c.attention_window_size)
        self.q_proj = nn.Linear(c.hidden_size, self.heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden_size, c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden_size, c.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * c.head_dim, c.hidden_size)

    def forward(self, x, cos, sin):
        """Blocks of W queries; each sees its own block of keys and the one before."""
        (B, T, _), H, E, W = x.shape, self.heads, self.head_dim, self.window

        def turned(y):  # the first half of a head, [B][heads][T][E]
            first, second = y.unflatten(-1, (-1, E)).transpose(1, 2).chunk(2, dim=-1)
            return torch.cat([rotate_halves(first, cos, sin), second], dim=-1).transpose(1, 2)

        q = pad_to(turned(self.q_proj(x)) / math.sqrt(E), W).unflatten(1, (-1, W))  # [B][n][W][H][E]
        k, v = (pad_to(y, W).unflatten(1, (-1, W)) for y in (turned(self.k_proj(x)).squeeze(2),
                                                             self.v_proj(x)))
        k, v = (torch.cat([F.pad(y, (0, 0, 0, 0, 1, 0))[:, :-1], y], dim=2) for y in (k, v))
        score = q.transpose(2, 3).flatten(2, 3) @ k.transpose(-1, -2)  # [B][n][H W][2 W]
        score = score.unflatten(2, (H, W)) + self.mask(q.shape[1], x.device)
        y = (score.softmax(-1).flatten(2, 3) @ v).unflatten(2, (H, W)).transpose(2, 3)
        return self.o_proj(y.flatten(1, 2)[:, :T].flatten(2))

    def mask(self, blocks, device):
        """[blocks][1][W][2 W]: distances 0 ... W, and nothing before the first block."""
        key = torch.arange(2 * self.window, device=device)
        distance = torch.arange(self.window, device=device)[:, None] + self.window - key
        seen = ((distance >= 0) & (distance <= self.window)).repeat(blocks, 1, 1, 1)
        seen[0] &= key >= self.window
        return torch.zeros(seen.shape, device=device).masked_fill(~seen, float("-inf"))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden_size, c.intermediate_size)
        self.up_proj = nn.Linear(c.hidden_size, c.intermediate_size)
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size)

    def forward(self, x):
        return self.down_proj(F.gelu(self.gate_proj(x), approximate="tanh") * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c, kind):
        super().__init__()
        self.temporal_pre_norm = Norm(c)
        self.temporal_block = (Attention if kind == "attention" else Recurrent)(c)
        self.channel_pre_norm = Norm(c)
        self.mlp_block = MLP(c)

    def forward(self, x, cos, sin):
        x = x + self.temporal_block(self.temporal_pre_norm(x), cos, sin)
        return x + self.mlp_block(self.channel_pre_norm(x))


class Body(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(
            [Layer(c, PATTERN[n % len(PATTERN)]) for n in range(c.num_hidden_layers)])
        self.final_norm = Norm(c)


class Griffin(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.model = Body(c)
        self.scale = torch.tensor(math.sqrt(c.hidden_size)).bfloat16().item()
        turned = c.head_dim // 2
        cos, sin = angles(c.max_position_embeddings, torch.arange(0, turned, 2) / turned, c.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        draw_weights(self, c.num_hidden_layers, ("o_proj", "linear_out", "down_proj"))
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, ids):
        """ids [B][T] -> logits [B][T][V]."""
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        x = self.model.embed_tokens(ids) * self.scale
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        logits = F.linear(self.model.final_norm(x), self.model.embed_tokens.weight)
        return torch.tanh(logits / self.config.logits_soft_cap) * self.config.logits_soft_cap


def hf_config(config):
    return {"architectures": ["RecurrentGemmaForCausalLM"], "model_type": "recurrent_gemma",
            **config, "intermediate_size": 2 * config["intermediate_size"],
            "block_types": list(PATTERN), "num_key_value_heads": 1, "attention_bias": False,
            "embeddings_scale_by_sqrt_dim": True, "partial_rotary_factor": 0.5,
            "hidden_activation": "gelu_pytorch_tanh"}
