"""RetNet (arXiv 2307.08621): attention whose weights only decay, in its chunkwise form.

  S_n = gamma S_{n-1} + k_n^T v_n;  o_n = q_n S_n;  gamma = 1 - 2^(-5 - head)
  y = W_o (silu(W_g x) * rmsnorm(o))

Names are those of microsoft/torchscale. Its recurrence divides S by the square root of
sigma_n = 1 + gamma + ... + gamma^n; the norm undoes that but for its epsilon, which is
multiplied by sigma_n here instead. Shapes as in common.py; Q positions of a chunk.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .common import RMSNorm, angles, draw_weights, pad_to, rotate_pairs

CHUNK = 128


@dataclass
class Config:
    vocab_size: int = 2048
    hidden_size: int = 256
    value_size: int = 256
    intermediate_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    max_position_embeddings: int = 2048
    layernorm_eps: float = 1e-6


def decays(heads, chunk):
    """gamma^(i - j) inside a chunk [H][Q][Q], gamma^(i + 1) and gamma^(Q - 1 - i) [H][Q][1]."""
    log = torch.log1p(-(2.0 ** (-5 - torch.arange(heads).double())))[:, None, None]
    i = torch.arange(chunk).double()[:, None]
    inside = (log * (i - i.T).clamp(min=0)).exp().tril()
    return inside.float(), (log * (i + 1)).exp().float(), (log * (chunk - 1 - i)).exp().float()


class Retention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.eps = c.num_attention_heads, c.layernorm_eps
        self.q_proj = nn.Linear(c.hidden_size, c.hidden_size, bias=False)
        self.k_proj = nn.Linear(c.hidden_size, c.hidden_size, bias=False)
        self.v_proj = nn.Linear(c.hidden_size, c.value_size, bias=False)
        self.g_proj = nn.Linear(c.hidden_size, c.value_size, bias=False)
        self.out_proj = nn.Linear(c.value_size, c.hidden_size, bias=False)

    def forward(self, x, cos, sin, sigma, decay):
        T, inside, since, left = x.shape[1], *decay
        q, k, v = (linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B][H][T][E]
                   for linear in (self.q_proj, self.k_proj, self.v_proj))
        q = rotate_pairs(q, cos, sin)
        k = rotate_pairs(k, cos, sin) / math.sqrt(q.shape[-1])
        q, k, v = (pad_to(y.flatten(0, 1), CHUNK).unflatten(0, (-1, self.heads))
                   .unflatten(2, (-1, CHUNK)).transpose(1, 2) for y in (q, k, v))
        o = (q @ k.transpose(-1, -2) * inside) @ v  # [B][chunk][H][Q][E]
        added = (k * left).transpose(-1, -2) @ v
        state, begins = torch.zeros_like(added[:, 0]), []
        for more in added.unbind(1):
            begins.append(state)
            state = torch.addcmul(more, state, since[:, -1:])
        o = o + (q * since) @ torch.stack(begins, dim=1)
        o = o.permute(0, 1, 3, 2, 4).flatten(1, 2)[:, :T]  # [B][T][H][E]
        o = o * torch.rsqrt(o.pow(2).mean(-1, keepdim=True) + self.eps * sigma)
        return self.out_proj(F.silu(self.g_proj(x)) * o.flatten(2))


class GLU(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden, bias=False)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)) * self.gate(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.retention_layer_norm = RMSNorm(c.hidden_size, c.layernorm_eps)
        self.retention = Retention(c)
        self.final_layer_norm = RMSNorm(c.hidden_size, c.layernorm_eps)
        self.ffn = GLU(c.hidden_size, c.intermediate_size)

    def forward(self, x, *tables):
        x = x + self.retention(self.retention_layer_norm(x), *tables)
        return x + self.ffn(self.final_layer_norm(x))


class RetNet(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList([Layer(c) for _ in range(c.num_hidden_layers)])
        self.layer_norm = RMSNorm(c.hidden_size, c.layernorm_eps)
        heads, T = c.num_attention_heads, c.max_position_embeddings
        cos, sin = angles(T, torch.linspace(0, 1, c.hidden_size // heads // 2))  # 1 included
        gamma = 1 - 2.0 ** (-5 - torch.arange(heads).double())
        sigma = (1 - gamma ** (torch.arange(T).double()[:, None] + 1)) / (1 - gamma)
        inside, since, left = decays(heads, CHUNK)
        for name, table in (("cos", cos), ("sin", sin), ("sigma", sigma.float().unsqueeze(-1)),
                            ("inside", inside), ("since", since), ("left", left)):
            self.register_buffer(name, table, persistent=False)
        draw_weights(self, c.num_hidden_layers, ("fc2",))
        for name, weight in self.named_parameters():  # as the authors
            if "retention." in name:
                nn.init.xavier_uniform_(weight, gain=0.5 if "out_proj" in name else 2 ** -2.5)

    def forward(self, ids):
        """ids [B][T] -> logits [B][T][V]."""
        cos, sin, sigma = (table[:ids.shape[1]] for table in (self.cos, self.sin, self.sigma))
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos, sin, sigma, (self.inside, self.since, self.left))
        return F.linear(self.layer_norm(x), self.embed_tokens.weight)


def hf_config(config):
    return {"architectures": ["RetNetDecoder"], "model_type": "retnet",
            "vocab_size": config["vocab_size"], "decoder_embed_dim": config["hidden_size"],
            "decoder_value_embed_dim": config["value_size"],
            "decoder_ffn_embed_dim": config["intermediate_size"],
            "decoder_retention_heads": config["num_attention_heads"],
            "decoder_layers": config["num_hidden_layers"], "activation_fn": "gelu",
            "layernorm_eps": config["layernorm_eps"], "decoder_normalize_before": True,
            "no_scale_embedding": True, "share_decoder_input_output_embed": True,
            "max_target_positions": config["max_position_embeddings"]}
