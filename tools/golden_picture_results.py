"""What tools/golden_pictures.py records of pictures and prompts: made pictures, what a processor and a model make of them, and how
arrays are stored.

A picture's byte at column x, row y and channel c is made too, from two lists of words (counted_values.py), seed 1:

    coarse     the upper byte of word ((y / 8) * W8 + x / 8) * 3 + c of "NAME coarse", W8 = ceil(width / 8)
    fine       the upper byte of word (y * width + x) * 3 + c of "NAME fine"
    byte       (3 * coarse + fine) >> 2
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import PIL.Image
import torch
import transformers
from transformers.vision_utils import get_vision_window_index

import counted_values
from golden_picture_models import PICTURES, TYPED
from golden_record import Array

NEW_TOKENS = 12
MIN_MARGIN = 0.005  # between the first two logits of every greedy step
PRIMES = [n for n in range(2, 2000) if all(n % d for d in range(2, math.isqrt(n) + 1))]


# --- pictures ----------------------------------------------------------------------------------------------------------


def picture_bytes(name: str) -> Array:
    """[height, width, 3]"""
    width, height = PICTURES[name]
    across, down = -(-width // 8), -(-height // 8)
    coarse = (counted_values.words(1, f"{name} coarse", across * down * 3) >> np.uint64(56)).reshape(down, across, 3)
    fine = (counted_values.words(1, f"{name} fine", width * height * 3) >> np.uint64(56)).reshape(height, width, 3)
    spread = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
    return ((3 * spread.astype(np.int64) + fine.astype(np.int64)) >> 2).astype(np.uint8)


def picture(name: str) -> PIL.Image.Image:
    return PIL.Image.fromarray(picture_bytes(name))


def picture_record(name: str) -> dict:
    width, height = PICTURES[name]
    return {"name": name, "width": width, "height": height, "digest": counted_values.digest(picture_bytes(name).tobytes())}


def messages(contents: list, swap: dict[str, str] | None = None) -> list[dict]:
    parts = [{"type": "text", "text": part} if isinstance(part, str) else
             {"type": "image", "image": picture((swap or {}).get(part[1], part[1]))} for part in contents]
    return [{"role": "user", "content": parts}]


def plain_messages(contents: list) -> list[dict]:
    """As they are recorded, with a picture's name."""
    return [{"role": "user", "content": [{"type": "text", "text": part} if isinstance(part, str) else
                                         {"type": "image", "picture": part[1]} for part in contents]}]


# --- what is stored ----------------------------------------------------------------------------------------------------


class Store:
    """All arrays of a model in one file, each whole or one number in `every`, from `at` on."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.count = 0

    def keep(self, values: Array, at_most: int = 6000) -> dict:
        values = np.ascontiguousarray(values, np.float32)
        every = 1 if values.size <= at_most else next(
            p for p in PRIMES if p * at_most >= values.size and all(extent % p for extent in values.shape))
        part = values.reshape(-1)[::every]
        described = {"shape": list(values.shape), "at": self.count} | ({"every": every} if every > 1 else {})
        self.parts.append(part)
        self.count += part.size
        return described

    def save(self, path: Path) -> None:
        np.save(path, np.concatenate(self.parts))


def keep_pixels(store: Store, pixels: Array) -> dict:
    pixels = np.ascontiguousarray(pixels, np.float32)
    return store.keep(pixels, 300) | {"sum": float(f"{pixels.astype(np.float64).sum():.9g}"),
                                      "digest": counted_values.digest(pixels.tobytes())}


def unpatched(patches: Array, grid: Array, patch: int, merge: int) -> Array:
    """[3, height, width] of the patches that a picture was cut into."""
    _, rows, columns = grid
    cut = patches.reshape(rows // merge, columns // merge, merge, merge, 3, -1, patch, patch)
    if not (cut[..., 0, :, :] == cut[..., -1, :, :]).all():
        raise SystemExit("a picture that moves")
    return cut[..., 0, :, :].transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * patch, columns * patch)


def flat_pixels(inputs: dict, processor) -> Array:
    """Pictures of sizes of their own one after another, each [3, height, width]; others as they are."""
    values = inputs["pixel_values"].numpy()
    if "image_grid_thw" in inputs:
        own = processor.image_processor
        grids = inputs["image_grid_thw"].numpy()
        cut = np.split(values, np.cumsum(grids.prod(1))[:-1])
        return np.concatenate([unpatched(*pair, own.patch_size, own.merge_size).reshape(-1) for pair in zip(cut, grids)])
    if type(processor).__name__ == "PixtralProcessor":
        sizes = inputs["image_sizes"].tolist()
        return np.concatenate([each[:, :height, :width].reshape(-1) for each, (height, width) in zip(values, sizes)])
    return values


# --- one prompt --------------------------------------------------------------------------------------------------------


def inputs_of(processor, contents: list, swap: dict[str, str] | None = None, **arguments) -> dict[str, torch.Tensor]:
    """With what the script asks of the processor besides what its folder says (`asked`)."""
    return dict(processor.apply_chat_template(
        messages(contents, swap), add_generation_prompt=True, tokenize=True, return_dict=True,
        return_tensors="pt", processor_kwargs={"images_kwargs": getattr(processor, "asked", {})}, **arguments))


def model_inputs(inputs: dict, dtype: torch.dtype) -> dict:
    unknown = {"num_crops"} | ({"mm_token_type_ids"} if "image_grid_thw" not in inputs else set())
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items() if name not in unknown}


def forget_positions(model: torch.nn.Module) -> None:
    """Those of the prompt before, which Qwen's models keep."""
    if hasattr(model.model, "rope_deltas"):
        model.model.rope_deltas = None


@torch.no_grad()
def logits_of(model: torch.nn.Module, inputs: dict) -> Array:
    forget_positions(model)
    return model(**model_inputs(inputs, model.dtype), use_cache=False).logits[0].float().numpy()


def extended(inputs: dict, token: int) -> dict:
    out = dict(inputs)
    for name, value in (("input_ids", token), ("attention_mask", 1), ("token_type_ids", 0),
                        ("mm_token_type_ids", 0)):
        if name in out:
            out[name] = torch.cat([out[name], torch.tensor([[value]], dtype=out[name].dtype)], 1)
    return out


def greedy(model: torch.nn.Module, inputs: dict, refused: frozenset = frozenset()) -> tuple[list[int], list[float], Array]:
    """The ids that follow, up to a refused one, each one's lead, and the logits of the prompt."""
    prompt = logits = logits_of(model, inputs)
    ids, margins = [], []
    for _ in range(NEW_TOKENS):
        second, first = np.sort(logits[-1])[-2:]
        margins.append(float(first - second))
        ids.append(int(logits[-1].argmax()))
        if ids[-1] in refused or (refused and margins[-1] < MIN_MARGIN):
            break
        inputs = extended(inputs, ids[-1])
        logits = logits_of(model, inputs)
    return ids, margins, prompt


@torch.no_grad()
def grid_rows(model: torch.nn.Module, inputs: dict) -> tuple[Array, Array]:
    """Of Qwen's towers. Rows of the deep stack stand behind a row, in one with it."""
    tower = model.model.visual
    taken = []
    hook = tower.merger.register_forward_pre_hook(lambda _, given: taken.append(given[0].float().numpy()))
    grid = inputs["image_grid_thw"]
    out = model.get_image_features(inputs["pixel_values"].to(model.dtype), grid, return_dict=True)
    hook.remove()
    before = taken[0].reshape(-1, taken[0].shape[-1])
    if hasattr(tower, "fullatt_block_indexes"):  # back from the order of windows
        merged = tower.spatial_merge_size ** 2
        order, _ = get_vision_window_index(grid, spatial_merge_size=tower.spatial_merge_size, window_size=tower.window_size,
                                           patch_size=tower.patch_size)
        before = before.reshape(-1, merged, before.shape[-1])[np.argsort(np.asarray(order))].reshape(before.shape)
    parts = [out.pooler_output, *(getattr(out, "deepstack_features", None) or ())]
    return before, torch.cat([torch.cat(tuple(part)) for part in parts], -1).float().numpy()


@torch.no_grad()
def picture_rows(model: torch.nn.Module, inputs: dict) -> tuple[Array, Array]:
    """What the projector is given, and what stands in place of the pictures' tokens."""
    if "image_grid_thw" in inputs:
        return grid_rows(model, inputs)
    projector = model.model.connector if hasattr(model.model, "connector") else model.model.multi_modal_projector
    taken = []
    hook = projector.register_forward_pre_hook(lambda _, given: taken.append(given[0].float().numpy()))
    named = {name: value for name, value in model_inputs(inputs, model.dtype).items()
             if name in ("pixel_values", "pixel_attention_mask", "image_sizes")}
    rows = model.get_image_features(**named, return_dict=True).pooler_output
    hook.remove()
    rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in rows]) if isinstance(rows, (list, tuple)) else rows
    return taken[0], rows.reshape(-1, rows.shape[-1]).float().numpy()


def generated(model: torch.nn.Module, inputs: dict) -> list[int]:
    """By the library's own loop, with its cache."""
    forget_positions(model)
    config = transformers.GenerationConfig(max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
    model.generation_config = transformers.GenerationConfig()
    out = model.generate(**model_inputs(inputs, model.dtype), generation_config=config)
    return out[0, inputs["input_ids"].shape[1]:].tolist()


def change(a: Array, b: Array) -> float:
    return float(f"{np.abs(a - b).max() / np.abs(a).max():.3g}")


def case_record(name: str, contents: list, model: torch.nn.Module, processor, store: Store) -> dict:
    inputs = inputs_of(processor, contents)
    ids, margins, logits = greedy(model, inputs)
    if generated(model, inputs) != ids:
        raise SystemExit(f"{name}: generate() has other tokens")
    prompt = inputs["input_ids"][0].tolist()
    record = {"name": name, "messages": plain_messages(contents),
              "prompt": processor.apply_chat_template(messages(contents), add_generation_prompt=True, tokenize=False),
              "ids": prompt}
    if "token_type_ids" in inputs:
        record["token_type_ids"] = inputs["token_type_ids"][0].tolist()
    if "pixel_values" in inputs:
        projected, rows = picture_rows(model, inputs)
        token = model.config.image_token_id
        if prompt.count(token) != len(rows):
            raise SystemExit(f"{name}: {prompt.count(token)} tokens for {len(rows)} rows")
        for member in ("image_sizes", "num_crops", "image_grid_thw"):
            if member in inputs:
                record[member] = inputs[member].tolist()
        if "pixel_attention_mask" in inputs and not inputs["pixel_attention_mask"].all():
            raise SystemExit(f"{name}: padding in a prompt by itself")
        if "image_grid_thw" in inputs:
            record["positions"] = model.model.get_rope_index(
                inputs["input_ids"], inputs["mm_token_type_ids"], inputs["image_grid_thw"])[0][:, 0].tolist()
        record |= {"pixels": keep_pixels(store, flat_pixels(inputs, processor)),
                   "projector_input": store.keep(projected, 1500), "rows": store.keep(rows, 1 << 20)}
    places = sorted({0, prompt.index(model.config.image_token_id) if "rows" in record else 1, len(prompt) // 2, len(prompt) - 1})
    if name == "one":
        other = inputs_of(processor, contents, {"wide": "other"})
        record["change_by_another_picture"] = {"rows": change(rows, picture_rows(model, other)[1]),
                                               "last_logits": change(logits[-1], logits_of(model, other)[-1])}
    return record | {
        "logits_at": places, "logits": store.keep(logits[places]), "all_logits": store.keep(logits, 1000),
        "max_abs_logit": float(f"{np.abs(logits).max():.6g}"), "continuation": ids,
        "margins": [float(f"{m:.4g}") for m in margins], "text": processor.tokenizer.decode(ids)}


def typed_record(processor, placeholder: str) -> dict:
    contents = [part.replace("PLACEHOLDER", placeholder) if isinstance(part, str) else part for part in TYPED]
    return {"messages": plain_messages(contents),
            "plainly": ids_or_refusal(lambda: inputs_of(processor, contents)),
            "sanitized": ids_or_refusal(lambda: inputs_of(processor, contents, sanitize_control_tokens=True))}


def ids_or_refusal(call) -> dict:
    try:
        return {"ids": call()["input_ids"][0].tolist()}
    except Exception as error:  # whatever it is, it is what a user sees
        return {"refused": f"{type(error).__name__}: {error}"}
