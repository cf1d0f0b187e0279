#!/usr/bin/env python3
"""Makes tests/golden/hearing: tiny models that take sound, of made weights (counted_values.py), described as tools/make_golden.py
describes its models, with what `transformers` makes of prompts with sounds.

    golden_sounds.py [--out DIR] [--only NAME]...

The models are in golden_sound_models.py. Each is saved as a Hugging Face folder, read again, and run in float32 with eager
attention; Ultravox, which transformers hasn't, is golden_ultravox.py. tests/golden/hearing/README.md says what is recorded.

Sample i of a sound of n samples named NAME is value(i) of counted_values.py, seed 1, name NAME, center 0, spread 0.5, times
2 ** -(i // 2000 % 6).

Needs numpy, torch, torchvision, transformers, pillow and gguf; the versions used are recorded in every NAME.json.
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
from golden_picture_results import MIN_MARGIN, NEW_TOKENS, Store, change
from golden_record import Array, Weight
from golden_sound_models import CASES, MODELS, SECONDS, SOUNDS, Heard, Model

ROOT = Path(__file__).resolve().parent.parent / "tests" / "golden" / "hearing"
MIN_DISTINCT = 4
MIN_CHANGE = 0.05  # of rows and logits, by another sound, of the largest
AGREEMENT = 1e-5


def sound(name: str) -> Array:
    count = SOUNDS[name]
    steps = np.ldexp(np.float32(1), -(np.arange(count) // 2000 % 6)).astype(np.float32)
    return counted_values.values(1, name, (count,), 0.0, 0.5) * steps


def sound_record(name: str) -> dict:
    return {"name": name, "samples": SOUNDS[name], "digest": counted_values.digest(sound(name).tobytes())}


# --- one prompt --------------------------------------------------------------------------------------------------------


class Prompt:
    """The ids of a case and what the model takes, with other sounds for some."""

    def __init__(self, model_of: Model, tokenizer, extractor, contents: list, swap: dict[str, str] | None = None):
        names = [(swap or {}).get(part[1], part[1]) for part in contents if not isinstance(part, str)]
        heard = model_of.hear(extractor, [sound(name) for name in names]) if names else Heard([], [], {})
        self.frames, self.rows = heard.frames, heard.rows
        parts = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "audio"} for part in contents]
        as_text = model_of.expanded is None
        content = "".join(part if isinstance(part, str) else model_of.placeholder + "\n" for part in contents) if as_text else parts
        self.text = tokenizer.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
        token = tokenizer.convert_tokens_to_ids(model_of.token)
        pieces = self.text.split(model_of.placeholder)
        if len(pieces) != len(names) + 1:
            raise SystemExit(f"{len(pieces) - 1} places for {len(names)} sounds")
        self.ids: list[int] = []
        self.places: list[int] = []
        if as_text:
            for i, piece in enumerate(pieces):
                self.ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
                if i < len(names):
                    self.places += range(len(self.ids), len(self.ids) + self.rows[i])
                    self.ids += [token] * self.rows[i]
        else:
            expanded = pieces[0] + "".join(model_of.expanded(rows) + piece for rows, piece in zip(self.rows, pieces[1:]))
            self.ids = tokenizer(expanded, add_special_tokens=False)["input_ids"]
            self.places = [i for i, id in enumerate(self.ids) if id == token]
        if len(self.places) != sum(self.rows):
            raise SystemExit(f"{len(self.places)} tokens for {sum(self.rows)} rows")
        self.inputs = heard.inputs | ({"places": self.places} if as_text else {})

    @torch.no_grad()
    def logits(self, model: torch.nn.Module, behind: list[int] = []) -> Array:
        ids = torch.tensor([self.ids + behind])
        given = {name: value.to(model.dtype) if torch.is_tensor(value) and value.is_floating_point() else value
                 for name, value in self.inputs.items()}
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), **given).logits[0].float().numpy()

    def sound_rows(self, model: torch.nn.Module) -> Array:
        """What stands in place of the sounds' tokens."""
        taken = []
        language = model.language_model if hasattr(model, "language_model") else model.model.language_model
        hook = language.register_forward_pre_hook(lambda _, args, given: taken.append(given["inputs_embeds"]), with_kwargs=True)
        self.logits(model)
        hook.remove()
        return taken[0][0, self.places].detach().float().numpy()


def greedy(model: torch.nn.Module, prompt: Prompt, refused: frozenset = frozenset()) -> tuple[list[int], list[float], Array]:
    """The ids that follow, up to a refused one, each one's lead, and the logits of the prompt."""
    first_logits = logits = prompt.logits(model)
    ids, margins = [], []
    for _ in range(NEW_TOKENS):
        second, first = np.sort(logits[-1])[-2:]
        margins.append(float(first - second))
        ids.append(int(logits[-1].argmax()))
        if ids[-1] in refused or (refused and margins[-1] < MIN_MARGIN):
            break
        logits = prompt.logits(model, ids)
    return ids, margins, first_logits


def case_record(name: str, contents: list, model_of: Model, model, tokenizer, extractor, store: Store) -> dict:
    prompt = Prompt(model_of, tokenizer, extractor, contents)
    ids, margins, logits = greedy(model, prompt)
    plain = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "audio", "sound": part[1]} for part in contents]
    record = {"name": name, "messages": [{"role": "user", "content": plain}], "prompt": prompt.text, "ids": prompt.ids}
    if prompt.places:
        rows = prompt.sound_rows(model)
        record |= {"frames": [store.keep(frames, 600) for frames in prompt.frames], "rows_of": prompt.rows, "rows": store.keep(rows)}
        if name == "one":
            other = Prompt(model_of, tokenizer, extractor, contents, {"short": "other"})
            record["change_by_another_sound"] = {"rows": change(rows, other.sound_rows(model)),
                                                 "last_logits": change(logits[-1], other.logits(model)[-1])}
    places = sorted({0, prompt.places[0] if prompt.places else 1, len(prompt.ids) // 2, len(prompt.ids) - 1})
    return record | {
        "logits_at": places, "logits": store.keep(logits[places]), "all_logits": store.keep(logits, 1000),
        "max_abs_logit": float(f"{np.abs(logits).max():.6g}"), "continuation": ids,
        "margins": [float(f"{m:.4g}") for m in margins], "text": tokenizer.decode(ids)}


# --- models ------------------------------------------------------------------------------------------------------------


def weights_for(model: torch.nn.Module) -> list[Weight]:
    """Random weights of sizes that keep every part, sound above all, visible in the logits."""
    out = []
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        center, deviation = 0.0, 0.3
        if parameter.ndim == 1 and name.endswith("weight"):
            center, deviation = 1.0, 0.25
        elif name.endswith("embed_tokens.weight"):
            deviation = 0.5
        elif "embed_positions" in name:
            deviation = 0.4
        elif parameter.ndim > 1:
            deviation = (1.5 if ".layers." in name else 1.0) / math.sqrt(int(np.prod(shape[1:])))
        out.append(golden_record.weight(name, shape, center, deviation))
    return out


def load(model_of: Model, config, folder: Path) -> torch.nn.Module:
    if not isinstance(config, transformers.PretrainedConfig):
        model = model_of.make(config)
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        model.load_state_dict(tensors, strict=False)
        if set(tensors) != {name for name, _ in model.named_parameters()}:
            raise SystemExit(f"{folder.name}: the folder's tensors aren't the model's")
        return model.eval()
    model, info = type(model_of.make(config)).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"]:
        raise SystemExit(f"{folder.name}: transformers doesn't read it whole: {info}")
    return model.eval()


def choose_seed(model, weights: list[Weight], model_of: Model, prompts: dict[str, Prompt], other: Prompt, refused) -> tuple[int, float]:
    """The first of which all greedy tokens lead clearly, float64 agrees, and another sound shows; and that agreement."""
    for seed in range(1, 300):
        golden_record.fill(model, weights, seed)
        worst, fits = 0.0, True
        for name, prompt in prompts.items():
            ids, margins, logits = greedy(model, prompt, refused)
            fits = min(margins) >= MIN_MARGIN and len(set(ids)) >= MIN_DISTINCT and not refused & set(ids)
            if fits and name == "one":
                fits = change(logits[-1], other.logits(model)[-1]) >= MIN_CHANGE
            if not fits:
                break
        for prompt in prompts.values() if fits else ():
            expected = prompt.logits(model)
            double = prompt.logits(model.double())
            model.float()
            worst = max(worst, float(np.abs(expected - double).max() / np.abs(expected).max()))
        if fits and worst < AGREEMENT:
            golden_record.fill(model, weights, seed)
            return seed, worst
    raise SystemExit("no seed gives clear margins and agreement")


def saved_views(model_of: Model, config, weights: list[Weight]) -> dict[str, golden_record.View]:
    def save(parameters: dict[str, Array], folder: Path) -> None:
        model = model_of.make(config)
        for name, tensor in model.named_parameters():
            tensor.data = torch.from_numpy(parameters[name])
        model.save_pretrained(folder)

    return golden_record.saved_views(weights, save)


def save_small_files(model_of: Model, tokenizer, extractor, folder: Path) -> None:
    if model_of.today:
        transformers.Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer,
                                         chat_template=model_of.template).save_pretrained(folder)
        return
    tokenizer.save_pretrained(folder)
    if model_of.expanded is not None:  # Ultravox's folders don't say it
        extractor.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(model_of.template)


def make(name: str, model_of: Model, out: Path, scratch: Path) -> None:
    tokenizer = model_of.tokenizer()
    tokenizer.chat_template = model_of.template
    config = model_of.config(tokenizer)
    extractor = transformers.WhisperFeatureExtractor(feature_size=model_of.bins, chunk_length=SECONDS)
    model = model_of.make(config).eval()
    weights = weights_for(model)
    prompts = {case: Prompt(model_of, tokenizer, extractor, CASES[case]) for case in model_of.cases}
    other = Prompt(model_of, tokenizer, extractor, CASES["one"], {"short": "other"})
    refused = frozenset(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids(token) for token in tokenizer.get_added_vocab()}
    seed, agreement = choose_seed(model, weights, model_of, prompts, other, refused)
    folder = scratch / name
    save_small_files(model_of, tokenizer, extractor, folder)
    model.save_pretrained(folder)
    read = load(model_of, config, folder)
    store = Store()
    record = {"name": name, "shows": model_of.shows, "folder": name,
              "made_with": {"script": "tools/golden_sounds.py", "seed": seed, "reference_agreement": float(f"{agreement:.1e}"),
                            "versions": golden_record.versions("numpy", "torch", "transformers", "tokenizers")},
              "placeholder": model_of.placeholder, "sound_token_id": tokenizer.convert_tokens_to_ids(model_of.token),
              "sounds": [sound_record(each) for each in SOUNDS]}
    record["cases"] = [case_record(case, CASES[case], model_of, read, tokenizer, extractor, store) for case in model_of.cases]
    record |= golden_record.Model(weights, {"folder": saved_views(model_of, config, weights)}).describe()
    store.save(out / f"{name}.npy")
    record["values"] = f"{name}.npy"
    record["digests"] = golden_record.digests(scratch, [folder / "model.safetensors"])
    (out / f"{name}.json").write_text(golden_record.dumps(record) + "\n")
    golden_record.keep_small_files(folder, out / name)
    shutil.rmtree(out / name / ".cache", ignore_errors=True)
    print(f"{name:16} seed {seed:4}  agreement {agreement:.1e}  "
          f"{sum(f.stat().st_size for f in out.glob(name + '*') if f.is_file()) / 1024:.0f} KiB beside the folder", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--only", action="append", choices=[*MODELS], metavar="NAME", help="make this one only (may be repeated)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, entry in MODELS.items():
        if not args.only or name in args.only:
            with tempfile.TemporaryDirectory() as scratch:
                make(name, entry, args.out, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
