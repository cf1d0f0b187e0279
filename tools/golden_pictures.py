#!/usr/bin/env python3
"""Makes tests/golden/pictures: tiny models that take pictures, of made weights (counted_values.py), described as
tools/make_golden.py describes its models, with what `transformers` makes of prompts with pictures.

    golden_pictures.py [--out DIR] [--only NAME]...

The models are in golden_picture_models.py and golden_picture_grid_models.py, what is recorded of each prompt in golden_picture_results.py. Each model is saved as a
Hugging Face folder by `save_pretrained`, read again, and run with `backend="pil"` processors, float32 and eager attention. tests/golden/pictures/README.md says what is recorded.

Needs numpy, torch, torchvision, transformers, pillow, gguf and num2words (SmolVLM's processor asks for it); the versions used are
recorded in every NAME.json.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import transformers

import counted_values
import golden_record
from golden_picture_grid_models import GRID_MODELS, GRID_VARIATIONS
from golden_picture_models import CASES, PAIRS, PICTURES, TEXTS, Model, Pair, Variation
from golden_picture_models import MODELS as TILE_MODELS
from golden_picture_models import VARIATIONS as TILE_VARIATIONS
from golden_picture_results import (MIN_MARGIN, Store, case_record, change, flat_pixels, greedy, inputs_of, keep_pixels, logits_of,
                                    model_inputs, picture, picture_record, typed_record)
from golden_record import Array, Weight

ROOT = Path(__file__).resolve().parent.parent / "tests" / "golden" / "pictures"
MODELS = TILE_MODELS | GRID_MODELS
VARIATIONS = TILE_VARIATIONS | GRID_VARIATIONS
MIN_DISTINCT = 4
MIN_CHANGE = 0.05  # of rows and logits, by another picture, of the largest
AGREEMENT = 1e-5


# --- weights -----------------------------------------------------------------------------------------------------------


def weights_for(model: torch.nn.Module, gain: float) -> list[Weight]:
    """Random weights of sizes that keep every part, pictures above all, visible in the logits."""
    out = []
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        center, deviation = 0.0, 0.3
        if name.endswith(("logit_scale", "logit_bias")):
            center, deviation = 2.0 if name.endswith("scale") else -1.5, 0.0
        elif parameter.ndim == 1 and name.endswith("weight"):  # of a norm, which may hold w and multiply with 1 + w
            behind = name.endswith(("post_attention_layernorm.weight", "post_feedforward_layernorm.weight"))
            sandwich = behind and "Gemma" in type(model).__name__
            middle = 2.5 if sandwich else 1.0
            center, deviation = middle - (not parameter.any()), 0.25 * middle
        elif name.endswith(("class_embedding", "image_newline", "probe")):
            deviation = 0.7
        elif name.endswith("embed_tokens.weight") or "token_embedding" in name:
            deviation = 1 / math.sqrt(shape[1]) if "Gemma" in type(model).__name__ else 0.5
        elif "position_embedding" in name or name.endswith("pos_embed.weight"):
            deviation = 0.4
        elif ".experts." in name:
            deviation = gain / math.sqrt(shape[-1])
        elif parameter.ndim > 1:
            inputs = shape[0] if name.endswith("mm_input_projection_weight") else int(np.prod(shape[1:]))
            deviation = (gain if ".layers." in name or ".blocks." in name else 1.0) / math.sqrt(inputs)
        out.append(golden_record.weight(name, shape, center, deviation))
    return out


def new_model(config: transformers.PretrainedConfig) -> torch.nn.Module:
    auto = transformers.AutoModel if config.model_type in ("clip", "siglip") else transformers.AutoModelForImageTextToText
    return plainly_computed(auto.from_config(config, dtype=torch.float32, attn_implementation="eager"))


def plainly_computed(model: torch.nn.Module) -> torch.nn.Module:
    """Experts too: what computes them by default has no float64."""
    text = getattr(model.config, "text_config", None)
    if hasattr(text, "_experts_implementation"):
        text._experts_implementation = "eager"
    return model.eval()


def load(folder: Path) -> torch.nn.Module:
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    auto = transformers.AutoModel if model_type in ("clip", "siglip") else transformers.AutoModelForImageTextToText
    model, info = auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"]:
        raise SystemExit(f"{folder.name}: transformers doesn't read it whole: {info}")
    return plainly_computed(model)


def read_processor(folder: Path) -> transformers.ProcessorMixin:
    processor = transformers.AutoProcessor.from_pretrained(folder)
    processor.image_processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    if not type(processor.image_processor).__name__.endswith("Pil"):
        raise SystemExit(f"{folder.name}: {type(processor.image_processor).__name__} isn't Pillow's")
    return processor


# --- models ------------------------------------------------------------------------------------------------------------


def forbidden(config: transformers.PretrainedConfig, processor) -> frozenset:
    """Ids that a continuation mustn't have: an end would cut it, a picture's token would want a row."""
    ids = frozenset({config.image_token_id, processor.tokenizer.eos_token_id, processor.tokenizer.pad_token_id})
    return ids | {getattr(config, name, None) for name in ("boi_token_id", "eoi_token_id", "video_token_id")}


def choose_seed(model: torch.nn.Module, weights: list[Weight], processor, cases: dict[str, list]) -> tuple[int, float]:
    """The first of which all greedy tokens lead clearly, float64 agrees, and another picture shows; and that agreement."""
    prepared = {name: inputs_of(processor, contents) for name, contents in cases.items()}
    other = inputs_of(processor, cases["one"], {"wide": "other"})
    refused = forbidden(model.config, processor)
    for seed in range(1, 300):
        golden_record.fill(model, weights, seed)
        worst, fits = 0.0, True
        for name, inputs in prepared.items():
            ids, margins, logits = greedy(model, inputs, refused)
            fits = min(margins) >= MIN_MARGIN and len(set(ids)) >= MIN_DISTINCT and not refused & set(ids)
            if fits and name == "one":
                fits = change(logits[-1], logits_of(model, other)[-1]) >= MIN_CHANGE
            if not fits:
                break
        for inputs in prepared.values() if fits else ():
            expected = logits_of(model, inputs)
            double = logits_of(model.double(), inputs)
            model.float()
            worst = max(worst, float(np.abs(expected - double).max() / np.abs(expected).max()))
        if fits and worst < AGREEMENT:
            golden_record.fill(model, weights, seed)
            return seed, worst
    raise SystemExit("no seed gives clear margins and agreement")


def turn(file: Path, ends: tuple[str, ...]) -> None:
    """Turns round the last two axes of tensors whose names end so."""
    tensors = safetensors.torch.load_file(file)
    tensors = {name: value.transpose(-1, -2).contiguous() if name.endswith(ends) else value for name, value in tensors.items()}
    safetensors.torch.save_file(tensors, file, {"format": "pt"})


def saved_views(config: transformers.PretrainedConfig, weights: list[Weight],
                transposed: tuple[str, ...] = ()) -> dict[str, golden_record.View]:
    def save(parameters: dict[str, Array], folder: Path) -> None:
        model = new_model(config)
        for name, tensor in model.named_parameters():
            tensor.data = torch.from_numpy(parameters[name])
        model.save_pretrained(folder)
        if transposed:
            turn(folder / "model.safetensors", transposed)

    return golden_record.saved_views(weights, save)


def made_with(seed: int, agreement: float | None = None) -> dict:
    return {"script": "tools/golden_pictures.py", "seed": seed} | (
        {"reference_agreement": float(f"{agreement:.1e}")} if agreement is not None else {}) | {
        "versions": golden_record.versions("numpy", "torch", "torchvision", "transformers", "tokenizers", "pillow")}


def write(name: str, record: dict, scratch: Path, out: Path, store: Store | None) -> None:
    if store:
        store.save(out / f"{name}.npy")
        record["values"] = f"{name}.npy"
    record["digests"] = golden_record.digests(scratch, [scratch / name / "model.safetensors"])
    (out / f"{name}.json").write_text(golden_record.dumps(record) + "\n")
    golden_record.keep_small_files(scratch / name, out / name)
    shutil.rmtree(out / name / ".cache", ignore_errors=True)
    sizes = [f.stat().st_size for f in (out / name).rglob("*") if f.is_file()]
    print(f"{name:16} seed {record['made_with']['seed']:4}  {sum(sizes) / 1024:.0f} KiB in the folder, "
          f"{sum(f.stat().st_size for f in out.glob(name + '.*')) / 1024:.0f} KiB beside it", flush=True)


def make(name: str, model_of: Model, out: Path, scratch: Path) -> None:
    tokenizer = model_of.tokenizer()
    config = model_of.config(tokenizer)
    model = new_model(config)
    folder = scratch / name
    model_of.processor(image_processor=model_of.image_processor(), tokenizer=tokenizer,
                       chat_template=model_of.template).save_pretrained(folder)
    processor = read_processor(folder)
    weights = weights_for(model, model_of.gain)
    cases = {case: CASES[case] for case in model_of.cases}
    seed, agreement = choose_seed(model, weights, processor, cases)
    model.save_pretrained(folder)
    read = load(folder)
    store = Store()
    record = {"name": name, "shows": model_of.shows, "folder": name, "made_with": made_with(seed, agreement),
              "placeholder": model_of.placeholder, "image_token_id": read.config.image_token_id,
              "pictures": [picture_record(each) for each in PICTURES]}
    if hasattr(read.model, "vision_model"):
        record["tile_positions"] = tile_positions(read, inputs_of(processor, cases["one"]))
    record["cases"] = [case_record(case, contents, read, processor, store) for case, contents in cases.items()]
    record["typed"] = typed_record(processor, model_of.placeholder)
    record |= golden_record.Model(weights, {"folder": saved_views(config, weights)}).describe()
    write(name, record, scratch, out, store)


@torch.no_grad()
def tile_positions(model: torch.nn.Module, inputs: dict) -> list[int]:
    """Rows of the position table that the patches of a tile take; those of every tile are the same."""
    taken = []
    table = model.model.vision_model.embeddings.position_embedding
    hook = table.register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    logits_of(model, inputs)
    hook.remove()
    if not (taken[0] == taken[0][:1]).all():
        raise SystemExit("tiles with positions of their own")
    return taken[0][0].tolist()


# --- variations --------------------------------------------------------------------------------------------------------


def edit(path: Path, change_it) -> None:
    held = json.loads(path.read_text())
    change_it(held)
    path.write_text(json.dumps(held, indent=2) + "\n")


def separate_old_files(folder: Path) -> None:
    """The picture part of processor_config.json in a file of its own, the template in JSON."""
    held = json.loads((folder / "processor_config.json").read_text())
    part = held.pop("image_processor") | {"processor_class": held["processor_class"]}
    held.pop("video_processor", None)
    (folder / "preprocessor_config.json").write_text(json.dumps(part, indent=2) + "\n")
    (folder / "processor_config.json").write_text(json.dumps(held, indent=2) + "\n")
    template = folder / "chat_template.jinja"
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template.read_text()}, indent=2) + "\n")
    template.unlink()


def renamed(name: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((new + name.removeprefix(old) for old, new in names if name.startswith(old)), name)


def vary(name: str, variation: Variation, out: Path, scratch: Path) -> None:
    model_of = MODELS[variation.model]
    of = json.loads((out / f"{variation.model}.json").read_text())
    seed = of["made_with"]["seed"]
    tokenizer = model_of.tokenizer()
    config = model_of.config(tokenizer)
    model = new_model(config)
    weights = weights_for(model, model_of.gain)
    golden_record.fill(model, weights, seed)
    folder = scratch / name
    model_of.processor(image_processor=model_of.image_processor(), tokenizer=tokenizer,
                       chat_template=model_of.template).save_pretrained(folder)
    model.save_pretrained(folder)
    if variation.image_processor:
        edit(folder / "processor_config.json", lambda held: held["image_processor"].update(variation.image_processor))
    if variation.old_files:
        separate_old_files(folder)
    if variation.preprocessor:
        edit(folder / "preprocessor_config.json", variation.preprocessor)
    if variation.config:
        edit(folder / "config.json", variation.config)
    file = folder / "model.safetensors"
    if variation.transposed:
        turn(file, variation.transposed)
    tensors = {renamed(tensor, variation.names): value for tensor, value in safetensors.torch.load_file(file).items()}
    safetensors.torch.save_file(tensors, file, {"format": "pt"})
    views = {renamed(tensor, variation.names): view for tensor, view in saved_views(config, weights, variation.transposed).items()}
    read, processor = load(folder), read_processor(folder)
    processor.asked = variation.image_processor
    record = {"name": name, "shows": variation.shows, "folder": name, "made_with": made_with(seed),
              "same_weights_as": variation.model, "placeholder": model_of.placeholder, "image_token_id": read.config.image_token_id,
              "pictures": [picture_record(each) for each in PICTURES]}
    store = Store() if variation.cases else None
    if store:
        record["cases"] = [case_record(case, CASES[case], read, processor, store) for case in variation.cases]
    else:
        record["same_results_as"] = variation.model
        check_same(of, read, processor)
    record |= golden_record.Model(weights, {"folder": views}).describe()
    write(name, record, scratch, out, store)


def check_same(of: dict, model: torch.nn.Module, processor) -> None:
    for case in of["cases"]:
        inputs = inputs_of(processor, CASES[case["name"]])
        pixels = flat_pixels(inputs, processor) if "pixel_values" in inputs else None
        same = inputs["input_ids"][0].tolist() == case["ids"] and greedy(model, inputs)[0] == case["continuation"]
        if not same or (pixels is not None and counted_values.digest(pixels.tobytes()) != case["pixels"]["digest"]):
            raise SystemExit(f"{of['name']}: the folder of before isn't read as the one of today")


# --- texts and pictures side by side -----------------------------------------------------------------------------------


@torch.no_grad()
def embed(model: torch.nn.Module, processor, pair: Pair) -> dict:
    texts = [processor(text=[text], return_tensors="pt", **pair.text_arguments) for text in TEXTS]
    names = [name for name in PICTURES if name != "other"]
    pictures = [processor(images=[picture(name)], return_tensors="pt") for name in names]

    def stacked(values: list[torch.Tensor]) -> Array:
        return torch.cat(values).float().numpy()

    def features(call, inputs: list[dict]) -> Array:
        return stacked([call(**model_inputs(i, model.dtype), return_dict=True).pooler_output for i in inputs])

    logits = [[model(**model_inputs(dict(text) | dict(p), model.dtype)).logits_per_image[0, 0] for text in texts] for p in pictures]
    return {"texts": texts, "names": names, "pictures": pictures,
            "text_features": features(model.get_text_features, texts),
            "picture_features": features(model.get_image_features, pictures),
            "logits_per_picture": torch.stack([torch.stack(row) for row in logits]).float().numpy()}


def normalized(rows: Array) -> Array:
    return (rows / np.linalg.norm(rows.astype(np.float64), axis=-1, keepdims=True)).astype(np.float32)


def make_pair(name: str, pair: Pair, out: Path, scratch: Path) -> None:
    tokenizer = pair.tokenizer()
    config = pair.config(tokenizer)
    model = new_model(config)
    folder = scratch / name
    pair.processor(image_processor=pair.image_processor(), tokenizer=tokenizer).save_pretrained(folder)
    processor = read_processor(folder)
    weights = weights_for(model, pair.gain)
    seed = 1
    golden_record.fill(model, weights, seed)
    model.save_pretrained(folder)
    read = load(folder)
    made, double = embed(read, processor, pair), embed(load(folder).double(), processor, pair)
    kinds = ("text_features", "picture_features", "logits_per_picture")
    agreement = max(float(np.abs(made[kind] - double[kind]).max() / np.abs(made[kind]).max()) for kind in kinds)
    if agreement > AGREEMENT:
        raise SystemExit(f"{name}: float64 differs by {agreement}")
    store = Store()
    record = {"name": name, "shows": pair.shows, "folder": name, "made_with": made_with(seed, agreement),
              "texts": [{"text": text, "ids": inputs["input_ids"][0].tolist()} for text, inputs in zip(TEXTS, made["texts"])],
              "pictures": [picture_record(picture_name) | {"pixels": keep_pixels(store, inputs["pixel_values"].numpy())}
                           for picture_name, inputs in zip(made["names"], made["pictures"])]}
    record |= {kind: store.keep(made[kind]) for kind in kinds}
    record |= {"text_embeddings": store.keep(normalized(made["text_features"])),
               "picture_embeddings": store.keep(normalized(made["picture_features"]))}
    record |= golden_record.Model(weights, {"folder": saved_views(config, weights)}).describe()
    write(name, record, scratch, out, store)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--only", action="append", choices=[*MODELS, *PAIRS, *VARIATIONS], metavar="NAME",
                        help="make this one only (may be repeated)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for table, maker in ((MODELS, make), (PAIRS, make_pair), (VARIATIONS, vary)):
        for name, entry in table.items():
            if not args.only or name in args.only:
                with tempfile.TemporaryDirectory() as scratch:
                    maker(name, entry, args.out, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
