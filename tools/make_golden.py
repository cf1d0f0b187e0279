#!/usr/bin/env python3
"""Makes tests/golden/models: tiny models of made weights (counted_values.py), described so that the tests can make their files,
with the logits that `transformers` computes for them.

    make_golden.py [--out DIR] [--only NAME]... [--full DIR]
    make_golden.py --config CONFIG.json --only NAME --shows TEXT

A model of golden_models.py is recorded as a float32 GGUF with the names, keys and row order that llama.cpp's converter uses,
and as a Hugging Face folder. Its logits are those of `transformers` (eager attention, float32), and tools/reference_logits.py
must reproduce them from the GGUF alone. The same weights in other formats get their logits from that program. A new family is
an entry of FAMILIES (golden_families.py) and one of MODELS.

Any other NAME is a model of which there is only a folder: of the given config.json, or of the one that was recorded. Its logits
in float32 and in float64 must agree.

--full DIR writes the logits of all positions too, float32 [T, V], for tools/compare_logits.py.

Needs numpy, torch, transformers and gguf; the versions used are recorded in every NAME.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import re
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import safetensors.torch
import torch
import transformers
from gguf import GGMLQuantizationType as Format

import compare_logits
import counted_values
import golden_record
import reference_logits
from golden_families import FAMILIES, gguf_name
from golden_models import MODELS, Tiny
from golden_record import Array, Weight

PROMPT_TOKENS = 48
CONTINUATION_TOKENS = 16
MIN_MARGIN = 0.01  # between the first two logits of every greedy step
MIN_DISTINCT = 6  # different tokens in a continuation: one that repeats a single token tells little
AGREEMENT = 1e-5  # of the two references, largest difference over largest logit
ROOT = Path(__file__).resolve().parent.parent / "tests" / "golden" / "models"


# --- a model -----------------------------------------------------------------------------------------------------------


def new_model(tiny: Tiny) -> torch.nn.Module:
    if tiny.family:
        family = FAMILIES[tiny.family]
        config = family.config(**tiny.config, attn_implementation="eager", pad_token_id=None, bos_token_id=1,
                               eos_token_id=2)
        return family.model(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(tiny.config))
        config = transformers.AutoConfig.from_pretrained(folder)
    return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()


def stored_type(tiny: Tiny, parameter: torch.Tensor) -> str:
    return "BF16" if tiny.stored == Format.BF16 else "F16" if tiny.stored == Format.F16 and parameter.ndim == 2 else "F32"


def weights_for(model: torch.nn.Module, tiny: Tiny) -> list[Weight]:
    """Random weights of sizes that keep every part of the model visible in the logits."""
    out = []
    sandwich = any("pre_feedforward_layernorm" in name for name, _ in model.named_parameters())
    for name, parameter in golden_record.learned(model):
        center, deviation = 0.0, 0.3
        if parameter.ndim == 1 and name.endswith(".weight"):  # of a norm
            # Those behind a part are such that all parts together outweigh the token's embedding by five to one.
            behind = sandwich and name.endswith(("post_attention_layernorm.weight", "post_feedforward_layernorm.weight"))
            middle = 5 / math.sqrt(2 * model.config.num_hidden_layers) if behind else 1
            around_zero = not parameter.any()  # such a norm holds w and multiplies with 1 + w
            center, deviation = middle - around_zero, 0.25 * middle
        elif parameter.ndim > 1 and not name.endswith("bias"):
            transposed = parameter.ndim == 3 and model.config.model_type == "gpt_oss"
            deviation = 1 / math.sqrt(parameter.shape[1 if transposed else -1])
            if re.search(r"\.\d+\.", name):  # in a layer
                deviation *= tiny.gain
        out.append(golden_record.weight(name, parameter.shape, center, deviation, stored_type(tiny, parameter)))
    return out


@torch.no_grad()
def evaluate(model: torch.nn.Module, seed: int) -> tuple[Array, Array]:
    """The prompt with a greedy continuation, and the logits of both."""
    tokens = counted_values.numbers(seed, "prompt", PROMPT_TOKENS, model.config.vocab_size)
    for _ in range(CONTINUATION_TOKENS):
        logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
        tokens.append(int(logits[-1].argmax()))
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()
    return np.array(tokens), logits


@torch.no_grad()
def in_double(model: torch.nn.Module, tokens: Array) -> Array:
    double = copy.deepcopy(model).double()
    if hasattr(double.config, "_experts_implementation"):
        double.config._experts_implementation = "eager"  # the others have no float64
    return double(torch.tensor([tokens.tolist()]), use_cache=False).logits[0].numpy()


def margins(logits: Array) -> Array:
    """The lead of the first token in every greedy step."""
    top = np.sort(logits[PROMPT_TOKENS - 1:-1], axis=-1)[:, -2:]
    return top[:, 1] - top[:, 0]


# --- its files ---------------------------------------------------------------------------------------------------------


FILE_TYPES = {
    Format.F32: gguf.LlamaFileType.ALL_F32,
    Format.F16: gguf.LlamaFileType.MOSTLY_F16,
    Format.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    Format.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Format.Q4_1: gguf.LlamaFileType.MOSTLY_Q4_1,
    Format.Q5_0: gguf.LlamaFileType.MOSTLY_Q5_0,
    Format.Q5_1: gguf.LlamaFileType.MOSTLY_Q5_1,
    Format.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Format.MXFP4: gguf.LlamaFileType.MOSTLY_MXFP4_MOE,
}


def parameters_of(model: torch.nn.Module) -> dict[str, Array]:
    return {name: tensor.detach().float().numpy() for name, tensor in golden_record.learned(model)}


def gguf_tensors(tiny: Tiny, config: transformers.PretrainedConfig, parameters: dict[str, Array]) -> dict[str, Array]:
    family = FAMILIES[tiny.family]
    tensors = family.extra_tensors(config)
    for name, values in parameters.items():
        expanded = family.expand(name, values, config)
        if not expanded:
            tensor_name = gguf_name(name, config)
            expanded = {tensor_name: family.convert(tensor_name, values, config)}
        tensors |= expanded
    return tensors


def write_gguf(path: Path, name: str, tiny: Tiny, model: torch.nn.Module, format: Format) -> None:
    family = FAMILIES[tiny.family]
    writer = gguf.GGUFWriter(path, family.architecture or tiny.family)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(f"tiny random {name}")
    family.write_keys(writer, model.config)
    writer.add_file_type(FILE_TYPES[format])
    if format not in (Format.F32, Format.F16, Format.BF16):
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    block = gguf.GGML_QUANT_SIZES[format][0]
    for tensor_name, values in gguf_tensors(tiny, model.config, parameters_of(model)).items():
        values = np.ascontiguousarray(values, np.float32)
        plain = values.ndim == 1 or tensor_name.endswith(".bias") or "ffn_gate_inp" in tensor_name
        chosen = Format.F32 if plain else format if values.shape[-1] % block == 0 else Format.F16
        if chosen == Format.MXFP4 and "_exps" not in tensor_name:
            chosen = Format.F32  # it is made for experts
        writer.add_tensor(tensor_name, gguf.quants.quantize(values, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def save_folder(folder: Path, tiny: Tiny, model: torch.nn.Module) -> None:
    """The model as a Hugging Face folder; its parameters are left in the types that are stored."""
    if tiny.stored == Format.BF16:
        model.bfloat16()
    for parameter in model.parameters():
        parameter.data = parameter.data.half() if stored_type(tiny, parameter) == "F16" else parameter.data
    model.save_pretrained(folder, max_shard_size=tiny.shard_size)


def packed_rows(values: Array) -> Array:
    return np.ascontiguousarray(values.swapaxes(1, 2))


def save_packed_folder(folder: Path, model: torch.nn.Module) -> None:
    """The model with its experts in MXFP4, as blocks and scales."""
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | {"architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim != 3:
            tensors[name] = parameter.data.contiguous()
            continue
        rows = packed_rows(parameter.data.numpy())
        packed = gguf.quants.quantize(rows, Format.MXFP4).reshape(*rows.shape[:2], -1, 17)
        scales, halves = packed[..., 0], packed[..., 1:]
        elements = np.concatenate([halves & 15, halves >> 4], -1)
        blocks = elements[..., ::2] | elements[..., 1::2] << 4
        tensors[name + "_blocks"] = torch.from_numpy(np.ascontiguousarray(blocks))
        tensors[name + "_scales"] = torch.from_numpy(np.ascontiguousarray(scales))
    safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def saved_views(tiny: Tiny, weights: list[Weight]) -> dict[str, golden_record.View]:
    def save(parameters: dict[str, Array], folder: Path) -> None:
        model = new_model(tiny)
        for name, tensor in golden_record.learned(model):
            tensor.data = torch.from_numpy(parameters[name])
        model.save_pretrained(folder)

    return golden_record.saved_views(weights, save)


# --- recording ---------------------------------------------------------------------------------------------------------


def largest_relative(reference: Array, other: Array) -> float:
    return compare_logits.compare(reference, other)["max_relative"]


class Recording:
    """What is written of one model."""

    def __init__(self, name: str, tiny: Tiny, out: Path, full: Path | None, scratch: Path):
        self.name, self.tiny, self.out, self.full, self.scratch = name, tiny, out, full, scratch
        self.every = 0

    def keep(self, stem: str, logits: Array) -> str:
        self.every, values = golden_record.stored(logits)
        np.save(self.out / f"{stem}.npy", values)
        if self.full:
            np.save(self.full / f"{stem}.npy", logits)
        return f"{stem}.npy"

    def choose(self) -> None:
        """The first seed of which the greedy tokens lead clearly, and that doesn't amplify the last bit of a float beyond
        use, as some random models do; a mistake would show with every seed."""
        self.model = new_model(self.tiny)
        self.weights = weights_for(self.model, self.tiny)
        file = self.scratch / f"{self.name}.gguf"
        for self.seed in range(1, 1000):
            golden_record.fill(self.model, self.weights, self.seed)
            self.tokens, self.logits = evaluate(self.model, self.seed)
            if margins(self.logits).min() < MIN_MARGIN or len(set(self.tokens[PROMPT_TOKENS:])) < MIN_DISTINCT:
                continue
            if self.tiny.family:
                write_gguf(file, self.name, self.tiny, self.model, self.tiny.stored)
                other = reference_logits.Model(file).logits(self.tokens)
            else:
                other = in_double(self.model, self.tokens)
            self.agreement = largest_relative(self.logits, other.astype(np.float32))
            if self.agreement < AGREEMENT:
                return
        raise SystemExit(f"{self.name}: no seed gives clear margins and two references that agree")

    def variant(self, format: Format) -> dict:
        file = self.scratch / f"{self.name}-{format.name.lower()}.gguf"
        prompt = self.tokens[:PROMPT_TOKENS]
        write_gguf(file, self.name, self.tiny, self.model, format)
        expected = reference_logits.Model(file).logits(prompt).astype(np.float32)
        record = {"file": file.name, "format": format.name, "logits": self.keep(file.stem, expected)}
        if format in reference_logits.INTEGER_FORMATS:
            rounded = reference_logits.Model(file, activations="int8").logits(prompt).astype(np.float32)
            cost = compare_logits.compare(expected, rounded)
            record["logits_int8"] = self.keep(f"{file.stem}-int8", rounded)
            record["int8_cost"] = {key: round(cost[key], 6) for key in ("mean_kl", "top1", "max_relative")}
        if format == Format.MXFP4:
            record["folder"] = file.stem
            save_packed_folder(self.scratch / file.stem, self.model)
            experts = [w for w in self.weights if len(w.shape) == 3]
            self.described.forms["packed"] = golden_record.views(
                experts, lambda parameters: {name: packed_rows(values) for name, values in parameters.items()})
        return record

    def make(self) -> dict:
        tiny, name = self.tiny, self.name
        self.choose()
        record = {
            "name": name,
            "shows": tiny.shows,
            "made_with": {"script": "tools/make_golden.py", "seed": self.seed,
                          "reference_agreement": float(f"{self.agreement:.1e}"),
                          "versions": golden_record.versions("numpy", "torch", "transformers", "gguf")},
            "prompt": self.tokens[:PROMPT_TOKENS].tolist(),
            "continuation": self.tokens[PROMPT_TOKENS:].tolist(),
            "min_margin": round(float(margins(self.logits).min()), 6),
            "max_abs_logit": round(float(np.abs(self.logits[:PROMPT_TOKENS]).max()), 6),
            "logits": self.keep(name, self.logits[:PROMPT_TOKENS]),
            "every": self.every,
        }
        self.described = golden_record.Model(self.weights)
        if tiny.family:
            record |= {"architecture": FAMILIES[tiny.family].architecture or tiny.family, "file": f"{name}.gguf",
                       "format": tiny.stored.name, "variants": [self.variant(format) for format in tiny.also]}
            files = [record["file"], *(variant["file"] for variant in record["variants"])]
            self.described.gguf_files = [self.scratch / file for file in files]
            self.described.forms["gguf"] = golden_record.views(
                self.weights, lambda parameters: gguf_tensors(tiny, self.model.config, parameters))
        folders = [variant["folder"] for variant in record.get("variants", ()) if "folder" in variant]
        if folders:
            record["packed"] = folders[0]
        if tiny.folder:
            folders.append(name)
            record["folder"] = name
            self.described.forms["folder"] = saved_views(tiny, self.weights)
            save_folder(self.scratch / name, tiny, self.model)
        record |= self.described.describe()
        for folder in folders:
            golden_record.keep_small_files(self.scratch / folder, self.out / folder)
        weighty = sorted(file for suffix in ("gguf", "safetensors") for file in self.scratch.rglob(f"*.{suffix}"))
        record["digests"] = golden_record.digests(self.scratch, weighty)
        (self.out / f"{name}.json").write_text(golden_record.dumps(record) + "\n")
        print(f"{name:18} seed {self.seed:3}  margin {record['min_margin']:.3f}  references differ by {self.agreement:.1e}  "
              f"largest logit {record['max_abs_logit']:.2f}  {len(weighty)} files of "
              f"{sum(file.stat().st_size for file in weighty) / 1024:.0f} KiB", flush=True)
        return record


def tiny_of(name: str, config: Path | None, shows: str | None, out: Path) -> Tiny:
    if name in MODELS:
        return MODELS[name]
    described = out / f"{name}.json"
    text = shows or (json.loads(described.read_text())["shows"] if described.exists() else "")
    file = config or out / name / "config.json"
    if not text or not file.exists():
        raise SystemExit(f"{name}: no entry of MODELS, and nothing recorded; pass --config and --shows")
    return Tiny("", text, json.loads(file.read_text()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--only", action="append", metavar="NAME", help="make this one only (may be repeated)")
    parser.add_argument("--config", type=Path, help="config.json of the one model that --only names")
    parser.add_argument("--shows", help="what that model shows")
    parser.add_argument("--full", type=Path, help="where the logits of all positions go")
    args = parser.parse_args()
    if (args.config or args.shows) and len(args.only or ()) != 1:
        parser.error("--config and --shows describe one model: name it with --only")
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.full:
        args.full.mkdir(parents=True, exist_ok=True)
    names = args.only or [*MODELS, *(f.stem for f in sorted(args.out.glob("*.json")) if f.stem not in MODELS)]
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            tiny = tiny_of(name, args.config, args.shows, args.out)
            Recording(name, tiny, args.out, args.full, Path(scratch)).make()
    return 0


if __name__ == "__main__":
    sys.exit(main())
