"""Write a run as a Hugging Face folder that `palimpsest convert` reads.

  python3 export.py --work WORK --run RUN --out DIR

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

import checkpoint
from members import MEMBERS
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


def config_of(saved, bos, end):
    """config.json from the member's own Config."""
    return {**MEMBERS[saved["member"]].hf_config(saved["config"]),
            "tie_word_embeddings": True, "initializer_range": 0.02, "use_cache": True,
            "torch_dtype": "float32", "bos_token_id": bos, "eos_token_id": end}


def write_folder(folder, saved, work):
    tokenizer = Tokenizer.load(work)
    bos, end = tokenizer.vocab[BOS], tokenizer.vocab[END]
    write_safetensors(os.path.join(folder, "model.safetensors"), saved["model"])
    write_json(os.path.join(folder, "config.json"), config_of(saved, bos, end))
    write_json(os.path.join(folder, "generation_config.json"),
               {"bos_token_id": bos, "eos_token_id": [end, bos],
                "do_sample": True, "temperature": 0.7, "top_p": 0.9})
    shutil.copy(os.path.join(work, "tokenizer.json"), folder)
    with open(os.path.join(work, "tokenizer_config.json"), encoding="utf-8") as f:
        settings = json.load(f)
    settings["model_max_length"] = saved["config"]["max_position_embeddings"]
    write_json(os.path.join(folder, "tokenizer_config.json"), settings)


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--work", required=True, help="folder of tokenizer.json")
    args.add_argument("--run", help="folder of checkpoint.pt [WORK]")
    args.add_argument("--out", required=True, help="folder to write; replaced if it exists")
    args = args.parse_args()
    saved = checkpoint.read(args.run or args.work)

    aside, old = args.out.rstrip("/") + ".new", args.out.rstrip("/") + ".old"
    for folder in (aside, old):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(aside)
    write_folder(aside, saved, args.work)
    if os.path.isdir(args.out):
        os.rename(args.out, old)
    os.rename(aside, args.out)
    shutil.rmtree(old, ignore_errors=True)
    parameters = sum(t.numel() for t in saved["model"].values())
    print(f"{args.out}: {saved['member']}, {parameters} parameters, "
          f"{saved['state']['tokens']} tokens seen")


if __name__ == "__main__":
    main()
