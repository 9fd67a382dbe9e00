"""Write a checkpoint as a Hugging Face llama folder.

  python3 export.py --work WORK --out DIR

DIR receives config.json, generation_config.json, model.safetensors (F32),
tokenizer.json and tokenizer_config.json. It is written aside and renamed, so
that DIR is never seen half done.

safetensors: u64 length of the header, the header in JSON, then the tensors:

  [ 8 bytes, little endian ][ {"name": {dtype, shape, data_offsets}, ...} ][ data ]
"""
import argparse
import json
import os
import shutil

import torch

from tokenizer import BOS, END, Tokenizer, write_json


def write_safetensors(path, tensors):
    """tensors: name -> float tensor; data in the order of the names."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        size = 4 * tensors[name].numel()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape),
                        "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            f.write(tensors[name].detach().float().contiguous().cpu().numpy()
                    .astype("<f4").tobytes())


def config_of(config, bos, end):
    """config.json from the model's own Config."""
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
            **config,
            "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False,
            "mlp_bias": False, "attention_dropout": 0.0, "rope_scaling": None,
            "initializer_range": 0.02, "use_cache": True, "torch_dtype": "float32",
            "bos_token_id": bos, "eos_token_id": end}


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of checkpoint.pt and tokenizer.json")
    args.add_argument("--out", required=True, help="folder to write; replaced if it exists")
    args = args.parse_args()
    saved = torch.load(os.path.join(args.work, "checkpoint.pt"), map_location="cpu")
    tokenizer = Tokenizer.load(args.work)
    bos, end = tokenizer.vocab[BOS], tokenizer.vocab[END]

    aside, old = args.out.rstrip("/") + ".new", args.out.rstrip("/") + ".old"
    for folder in (aside, old):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(aside)
    write_safetensors(os.path.join(aside, "model.safetensors"), saved["model"])
    write_json(os.path.join(aside, "config.json"), config_of(saved["config"], bos, end))
    write_json(os.path.join(aside, "generation_config.json"),
               {"bos_token_id": bos, "eos_token_id": [end, bos],
                "do_sample": True, "temperature": 0.7, "top_p": 0.9})
    tokenizer.save(aside)
    if os.path.isdir(args.out):
        os.rename(args.out, old)
    os.rename(aside, args.out)
    shutil.rmtree(old, ignore_errors=True)
    print(f"{args.out}: {sum(t.numel() for t in saved['model'].values())} parameters, "
          f"{saved['state']['tokens']} tokens seen")


if __name__ == "__main__":
    main()
