"""A llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embedding.

Names are those of Hugging Face's LlamaForCausalLM. Shapes as in common.py; G key/value heads.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .common import RMSNorm, RotaryModel, SwiGLU, rotate_halves

BLOCK = 256  # queries at once where PyTorch has no attention of its own


@dataclass
class Config:
    vocab_size: int = 3072
    hidden_size: int = 256
    intermediate_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    max_position_embeddings: int = 512
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


def attend(q, k, v):
    """Causal attention. q [B][H][T][E], k and v [B][G][T][E] -> [B][H][T][E]."""
    (B, H, T, E), G = q.shape, k.shape[1]
    if hasattr(F, "scaled_dot_product_attention"):
        k, v = (x.repeat_interleave(H // G, dim=1) for x in (k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    q, out = q / math.sqrt(E), []
    later = torch.full((min(T, BLOCK),) * 2, float("-inf"), device=q.device).triu(1)
    for i in range(0, T, BLOCK):  # a block sees the keys up to its own end only
        j = min(i + BLOCK, T)
        mask = F.pad(later[:j - i, :j - i], (i, 0))
        # The query heads that share a key head lie side by side: no copy of k or v.
        part = q[:, :, i:j].reshape(B, G, -1, E)
        score = (part @ k[:, :, :j].transpose(-1, -2)).view(B, H, j - i, j) + mask
        out.append((score.softmax(-1).view(B, G, -1, j) @ v[:, :, :j]).view(B, H, j - i, E))
    return torch.cat(out, dim=2)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.groups, self.head_dim = (
            c.num_attention_heads, c.num_key_value_heads, c.head_dim)
        self.q_proj = nn.Linear(c.hidden_size, self.heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden_size, self.groups * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden_size, self.groups * c.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * c.head_dim, c.hidden_size, bias=False)

    def forward(self, x, cos, sin):
        B, T, _ = x.shape
        cos, sin = cos[:T], sin[:T]
        q, k, v = (linear(x).view(B, T, -1, self.head_dim).transpose(1, 2)
                   for linear in (self.q_proj, self.k_proj, self.v_proj))
        y = attend(rotate_halves(q, cos, sin), rotate_halves(k, cos, sin), v)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, -1))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = SwiGLU(c.hidden_size, c.intermediate_size)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Transformer(RotaryModel):
    def __init__(self, config):
        super().__init__(config, Layer, config.head_dim, config.max_position_embeddings)


def hf_config(config):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **config,
            "hidden_act": "silu", "attention_bias": False, "mlp_bias": False,
            "attention_dropout": 0.0, "rope_scaling": None}
