"""What several members share: norms, rotations, the causal convolution, SwiGLU, the draw of weights.

Shapes: B rows, T positions, D model width, H heads, E head width, V vocabulary.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Convolution(nn.Module):
    """Each channel on its own, causal: y_t = sum_j weight_j x_{t - taps + 1 + j} + bias."""

    def __init__(self, channels, taps):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, taps))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.uniform_(self.weight, -taps ** -0.5, taps ** -0.5)

    def forward(self, x):
        """x [B][T][channels]"""
        x = F.pad(x.transpose(1, 2), (self.weight.shape[-1] - 1, 0))
        return F.conv1d(x, self.weight, self.bias, groups=len(self.bias)).transpose(1, 2).contiguous()


class SwiGLU(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def angles(positions, exponents, base=10000.0):
    """cos and sin, each [positions][len(exponents)], of position * base^-exponent."""
    angle = torch.outer(torch.arange(positions).double(), base ** -exponents.double())
    return angle.cos().float(), angle.sin().float()


def rotate_halves(x, cos, sin):
    """x [...][T][2n]: the pairs are (i, i + n); cos, sin [T][n]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def rotate_pairs(x, cos, sin):
    """x [...][T][2n]: the pairs are (2i, 2i + 1); cos, sin [T][n]."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


def pad_to(x, multiple):
    """x [B][T][...] with zeros behind, so that `multiple` divides T."""
    more = -x.shape[1] % multiple
    return F.pad(x, [0, 0] * (x.dim() - 2) + [0, more]) if more else x


def draw_weights(model, layers, outputs):
    """Normal weights of deviation 0.02; those that write into the residual are smaller."""
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            deep = math.sqrt(2 * layers) if name.endswith(outputs) else 1
            nn.init.normal_(module.weight, std=0.02 / deep)


class Body(nn.Module):
    """What stands around the layers in Hugging Face's llama, and in the authors' TTT."""

    def __init__(self, c, layer):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList([layer(c) for _ in range(c.num_hidden_layers)])
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)


class RotaryModel(nn.Module):
    """Layers x -> layer(x, cos, sin) between an embedding and itself; `rows` rows of cos and sin."""

    def __init__(self, config, layer, width, rows):
        super().__init__()
        self.config = config
        self.model = Body(config, layer)
        cos, sin = angles(rows, torch.arange(0, width, 2) / width, config.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        draw_weights(self, config.num_hidden_layers, ("o_proj", "down_proj"))

    def forward(self, ids):
        """ids [B][T] -> logits [B][T][V]."""
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)
