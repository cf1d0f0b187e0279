#!/usr/bin/env python3
"""Makes tests/golden/diffusion: tiny pipelines of the FLUX shape, of made weights (counted_values.py), described as tools/make_golden.py
describes its models, with what `diffusers` makes of prompts and pictures.

    make_diffusion_golden.py [--out DIR] [--only NAME]...

The pipelines are in golden_diffusion_models.py, what is recorded of each in golden_diffusion_results.py. Each is saved as a folder by
`save_pretrained`, read again, and run in float32; float64 beside it shows how far float32 may be off. tests/golden/diffusion/README.md
says what is recorded.

Needs numpy, torch, torchvision, diffusers, transformers, tokenizers, sentencepiece, protobuf, pillow and gguf; the versions used are
recorded in every NAME.json.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import diffusers
import numpy as np
import safetensors.numpy
import torch
import transformers

import diffusion_tokenizers
import golden_record
from golden_diffusion_models import MODELS, VARIATIONS, Model, Variation, pipeline, spiece
from golden_diffusion_results import (Store, case_record, clip_record, schedules_record, t5_record, texts_record, transformer_record,
                                      vae_record)
from golden_picture_models import PICTURES
from golden_picture_results import picture_record
from golden_record import View, Weight

ROOT = Path(__file__).resolve().parent.parent / "tests" / "golden" / "diffusion"
PARTS = ("text_encoder", "text_encoder_2", "transformer", "vae")
MODULATIONS = ("norm1.linear.weight", "norm1_context.linear.weight", "norm.linear.weight", "norm_out.linear.weight")
LEFT_OUT = {"transformer": ("out_channels", "patch_size"),
            "vae": ("mid_block_add_attention", "latents_mean", "latents_std"),
            "scheduler": ("invert_sigmas", "shift_terminal", "stochastic_sampling", "time_shift_type", "use_beta_sigmas",
                          "use_exponential_sigmas", "use_karras_sigmas")}


# --- weights -----------------------------------------------------------------------------------------------------------


# What is added to rows and pictures, and what a norm takes: small, so that norms show their epsilon.
SMALL = 0.05
SMALL_PARTS = ("token_embedding", "position_embedding", "out_proj", "mlp.fc2", "shared", "SelfAttention.o", "DenseReluDense.wo",
               "x_embedder", "context_embedder", "to_q", "to_k", "add_q_proj", "add_k_proj", "to_out.0", "to_add_out", "ff.net.2",
               "ff_context.net.2", "single_transformer_blocks.*.proj_out", "conv_in", "conv1", "conv2")


def deviation_of(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Center and deviation that keep every part visible in the picture."""
    owner = re.sub(r"(?<=blocks\.)\d+", "*", name.rsplit(".", 1)[0])
    vae_attention = name.startswith("vae/") and owner.endswith(("to_q", "to_k"))  # has no norm of its own
    small = SMALL if owner.endswith(SMALL_PARTS) and not vae_attention else 1.0
    if len(shape) == 1:
        norm = "norm" in owner.rsplit(".", 1)[-1]
        return (1.0, 0.2) if norm and name.endswith("weight") else (0.0, 0.1 * small)
    inputs = math.prod(shape[1:])
    if owner.endswith(("token_embedding", "shared", "position_embedding", "relative_attention_bias")):
        return 0.0, small
    if name.endswith(MODULATIONS):
        return 0.0, 1.5 / math.sqrt(inputs)
    if "time_text_embed" in name:
        return 0.0, 1.6 / math.sqrt(inputs)
    if owner == "vae/decoder.conv_out":
        return 0.0, 0.55 / math.sqrt(inputs)
    return 0.0, small * (1.3 if len(shape) == 4 else 0.9) / math.sqrt(inputs)


def weights_of(pipe: diffusers.FluxPipeline) -> list[Weight]:
    out = []
    for part in PARTS:
        for name, parameter in getattr(pipe, part).named_parameters():
            full = f"{part}/{name}"
            out.append(golden_record.weight(full, tuple(parameter.shape), *deviation_of(full, tuple(parameter.shape))))
    return out


def fill(pipe: diffusers.FluxPipeline, weights: list[Weight], seed: int) -> None:
    held = {f"{part}/{name}": parameter for part in PARTS for name, parameter in getattr(pipe, part).named_parameters()}
    for weight in weights:
        held[weight.name].data = torch.from_numpy(weight.values(seed))


# --- folders -----------------------------------------------------------------------------------------------------------


def edit(path: Path, change) -> None:
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held, indent=2) + "\n")


def stored_names(folder: Path) -> dict[str, tuple[int, ...]]:
    """Tensors of all files, with the part before the name."""
    return {f"{file.parent.name}/{name}": values.shape for file in sorted(folder.rglob("*.safetensors"))
            for name, values in safetensors.numpy.load_file(file).items()}


def views_of(folder: Path, weights: list[Weight], prefix: str = "") -> dict[str, View]:
    """A weight is stored as it is, CLIP's with `prefix` before their names."""
    out = {}
    for weight in weights:
        part, name = weight.name.split("/", 1)
        stored = f"{part}/{prefix}{name}" if part == "text_encoder" else weight.name
        out[stored] = View(weight.shape, weight.name, 0, ((math.prod(weight.shape), 1),))
    if {name: view.shape for name, view in out.items()} != stored_names(folder):
        raise SystemExit(f"{folder.name}: tensors that aren't those of the model")
    return out


def save_old(pipe: diffusers.FluxPipeline, variation: Variation, folder: Path) -> None:
    model = MODELS[variation.model]
    pipe.save_pretrained(folder)
    for part in ("tokenizer", "tokenizer_2"):
        shutil.rmtree(folder / part)
    diffusion_tokenizers.write_old_clip(folder / "tokenizer", pipe.tokenizer)
    diffusion_tokenizers.write_old_t5(folder / "tokenizer_2", spiece(), model.extra_ids, 512)
    for part, size in variation.shard_bytes.items():
        for file in (folder / part).glob("*.safetensors"):
            file.unlink()
        getattr(pipe, part).save_pretrained(folder / part, max_shard_size=size)
    file = folder / "text_encoder" / "model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    safetensors.numpy.save_file({f"text_model.{name}": value for name, value in tensors.items()}, file, {"format": "pt"})
    for part, members in LEFT_OUT.items():
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        edit(folder / part / name, lambda held, members=members: [held.pop(member) for member in members])

    def older(held: dict) -> None:
        held.update({"tokenizer_2": ["transformers", "T5TokenizerFast"], "_diffusers_version": "0.30.0.dev0"})
        del held["image_encoder"], held["feature_extractor"]
    edit(folder / "model_index.json", older)


def read(folder: Path) -> diffusers.FluxPipeline:
    pipe = diffusers.FluxPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


# --- models ------------------------------------------------------------------------------------------------------------


def made_with(seed: int) -> dict:
    return {"script": "tools/make_diffusion_golden.py", "seed": seed, "versions": golden_record.versions(
        "numpy", "torch", "torchvision", "diffusers", "transformers", "tokenizers", "sentencepiece", "pillow")}


def write(name: str, record: dict, scratch: Path, out: Path) -> None:
    files = sorted((scratch / name).rglob("*.safetensors"))
    record["digests"] = golden_record.digests(scratch, files)
    (out / f"{name}.json").write_text(golden_record.dumps(record) + "\n")
    golden_record.keep_small_files(scratch / name, out / name)
    sizes = [f.stat().st_size for f in (out / name).rglob("*") if f.is_file()]
    print(f"{name:10} seed {record['made_with']['seed']}  {sum(sizes) / 1024:.0f} KiB in the folder, "
          f"{sum(f.stat().st_size for f in out.glob(name + '*.*')) / 1024:.0f} KiB beside it", flush=True)


def recorded(name: str, model: Model, pipe: diffusers.FluxPipeline, store: Store, out: Path) -> dict:
    """All that is recorded of a pipeline."""
    return {"texts": texts_record(pipe), "t5": t5_record(name, pipe, store),
            "clip": clip_record(pipe, store, model.cases[0].prompt),
            "transformer": transformer_record(name, pipe, store, model.patches),
            "vae": vae_record(name, pipe, store, model.patches),
            "cases": [case_record(name, pipe, case, store, out) for case in model.cases]}


def make(name: str, model: Model, out: Path, scratch: Path) -> None:
    seed = 1
    made = pipeline(model)
    weights = weights_of(made)
    fill(made, weights, seed)
    made.save_pretrained(scratch / name)
    store = Store()
    results = recorded(name, model, read(scratch / name), store, out)
    pictures = [picture_record(each) for each in sorted({each for case in model.cases for each in (case.picture, case.mask) if each})]
    store.save(out / f"{name}.npy")
    record = {"name": name, "shows": model.shows, "folder": name, "made_with": made_with(seed), "values": f"{name}.npy",
              "pictures": pictures} | results
    record |= golden_record.Model(weights, {"folder": views_of(scratch / name, weights)}).describe()
    write(name, record, scratch, out)


def vary(name: str, variation: Variation, out: Path, scratch: Path) -> None:
    model = MODELS[variation.model]
    seed = json.loads((out / f"{variation.model}.json").read_text())["made_with"]["seed"]
    made = pipeline(model)
    weights = weights_of(made)
    fill(made, weights, seed)
    save_old(made, variation, scratch / name)
    store = Store()
    with tempfile.TemporaryDirectory() as beside:  # the same pictures, or else
        results = recorded(variation.model, model, read(scratch / name), store, Path(beside))
        for file in Path(beside).glob("*.png"):
            if file.read_bytes() != (out / file.name).read_bytes():
                raise SystemExit(f"{name}: {file.name} is another")
    of = json.loads((out / f"{variation.model}.json").read_text())
    if json.loads(json.dumps(results)) != {member: of[member] for member in results} or not np.array_equal(
            np.concatenate(store.parts), np.load(out / of["values"])):
        raise SystemExit(f"{name}: results that aren't those of {variation.model}")
    record = {"name": name, "shows": variation.shows, "folder": name, "made_with": made_with(seed),
              "same_weights_as": variation.model, "same_results_as": variation.model}
    record |= golden_record.Model(weights, {"folder": views_of(scratch / name, weights, "text_model.")}).describe()
    write(name, record, scratch, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--only", action="append", choices=[*MODELS, *VARIATIONS, "schedules"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    chosen = options.only or [*MODELS, *VARIATIONS, "schedules"]
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, model in MODELS.items():
            if name in chosen:
                make(name, model, options.out, Path(scratch))
        for name, variation in VARIATIONS.items():
            if name in chosen:
                vary(name, variation, options.out, Path(scratch))
    if "schedules" in chosen:
        (options.out / "schedules").mkdir(exist_ok=True)
        record = {"made_with": made_with(0)} | schedules_record()
        del record["made_with"]["seed"]
        (options.out / "schedules" / "euler.json").write_text(golden_record.dumps(record) + "\n")


if __name__ == "__main__":
    main()
