"""The members of the family: NAME -> (Config, Model, hf_config).

Every Model: ids [B][T] -> logits [B][T][V]. Its parameters have the names of the authors'
checkpoints, so that a state_dict is a model file; hf_config makes config.json of vars(Config).
Heads are tied to the embedding.

SHAPES: values of Config for members of about equal size, print them with `python3 -m members`.
Every matrix has rows of a multiple of 32 weights, as Q8_0 needs.
"""
from collections import namedtuple

from . import griffin, mamba2, retnet, transformer, ttt

Member = namedtuple("Member", "Config Model hf_config")
LINEAR = {"ttt_layer_type": "linear", "ttt_base_lr": 1.0}
MLP = {"ttt_layer_type": "mlp", "ttt_base_lr": 0.1}

MEMBERS = {
    "transformer": Member(transformer.Config, transformer.Transformer, transformer.hf_config),
    "ttt-linear": Member(ttt.Config, ttt.TTTModel, ttt.hf_config),
    "ttt-mlp": Member(ttt.Config, ttt.TTTModel, ttt.hf_config),
    "mamba": Member(mamba2.Config, mamba2.Mamba2, mamba2.hf_config),
    "retnet": Member(retnet.Config, retnet.RetNet, retnet.hf_config),
    "griffin": Member(griffin.Config, griffin.Griffin, griffin.hf_config),
}

SMALL = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 3}
TINY = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
SHAPES = {
    # 3.1 million with 3072 tokens
    "chat": {
        "transformer": {"num_hidden_layers": 4, "intermediate_size": 512},
        "ttt-linear": {"num_hidden_layers": 5, "intermediate_size": 256, **LINEAR},
        "ttt-mlp": {"num_hidden_layers": 4, "intermediate_size": 256, **MLP},
        "mamba": {"num_hidden_layers": 5, "state_size": 128},
        "retnet": {"num_hidden_layers": 4, "value_size": 384, "intermediate_size": 224},
        "griffin": {"num_hidden_layers": 3, "intermediate_size": 768},
    },
    # 1.7 million with 2048 tokens
    "memory": {
        "transformer": {**SMALL, "num_attention_heads": 4, "head_dim": 48, "intermediate_size": 352},
        "ttt-linear": {**SMALL, "intermediate_size": 288, **LINEAR},
        "ttt-mlp": {**SMALL, "intermediate_size": 128, **MLP},
        "mamba": {"hidden_size": 192, "num_hidden_layers": 5, "state_size": 64},
        "retnet": {**SMALL, "value_size": 192, "intermediate_size": 224},
        "griffin": {**SMALL, "num_hidden_layers": 3, "intermediate_size": 480, "lru_width": 192},
    },
    # 0.3 million with 512 tokens
    "tiny": {
        "transformer": {**TINY, "num_key_value_heads": 1, "intermediate_size": 128},
        "ttt-linear": {**TINY, "intermediate_size": 64, **LINEAR},
        "ttt-mlp": {**TINY, "num_attention_heads": 4, "intermediate_size": 32, **MLP},
        "mamba": {"hidden_size": 128, "num_hidden_layers": 2, "state_size": 32},
        "retnet": {**TINY, "value_size": 128, "intermediate_size": 64},
        "griffin": {**TINY, "num_hidden_layers": 3, "intermediate_size": 32, "lru_width": 128,
                    "attention_window_size": 64},
    },
}


def build(name, values):
    """The member `name` with these values of its Config."""
    return MEMBERS[name].Model(MEMBERS[name].Config(**values))


def parameter_count(model):
    return sum(p.numel() for p in model.parameters())
