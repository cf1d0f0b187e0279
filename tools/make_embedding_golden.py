#!/usr/bin/env python3
"""Makes tests/golden/embeddings: tiny models that make embeddings, described as tools/make_golden.py describes its models, with
what `transformers` makes of a few sequences.

    make_embedding_golden.py [--out DIR] [--only NAME]...

Each entry of MODELS is one model. Recorded is what pooling makes of the rows behind the last layer of each sequence by itself
(eager attention, float32) and, where the model has projections behind its pooling, what they make of that. Needs what
make_golden.py needs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import safetensors.numpy
import torch
import transformers

import counted_values
import golden_families
import golden_models
import golden_record
import make_golden
from golden_record import Array, Weight
from make_golden import Format

LENGTHS = (5, 1, 33, 80, 17, 2)
SEED = 1
POOLINGS = ("MEAN", "CLS", "LAST")


@dataclasses.dataclass(frozen=True)
class Encoder:
    shows: str
    family: str  # of FAMILIES
    config: dict
    pooling: gguf.PoolingType
    projections: tuple[int, ...] = ()  # outputs of the matrices behind pooling
    also: tuple[Format, ...] = ()
    folder: bool = True  # whether it is saved as a Hugging Face folder too


def write_bert_keys(writer: gguf.GGUFWriter, config: transformers.BertConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_token_type_count(config.type_vocab_size)


def write_embedding_gemma_keys(writer: gguf.GGUFWriter, config: transformers.Gemma3TextConfig) -> None:
    golden_families.write_common_keys(writer, config)
    golden_families.write_rotary_keys(writer, config.rope_parameters["full_attention"])
    # As the folder says it; the object holds half of it, and one.
    writer.add_sliding_window(2 * (config.sliding_window - 1))


@dataclasses.dataclass(frozen=True)
class Family:
    config: type
    model: type
    write_keys: Callable[[gguf.GGUFWriter, transformers.PretrainedConfig], None]
    name: Callable[[str, transformers.PretrainedConfig], str]
    convert: Callable[[str, Array, transformers.PretrainedConfig], Array] = golden_families.as_is
    arguments: dict = dataclasses.field(default_factory=dict)


def bert_name(name: str, config: transformers.PretrainedConfig) -> str:
    stem, kind = name.rsplit(".", 1)
    return f"{gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, config.num_hidden_layers).get_name(stem)}.{kind}"


def decoder_name(name: str, config: transformers.PretrainedConfig) -> str:
    return golden_families.gguf_name("model." + name, config)


FAMILIES = {
    "bert": Family(transformers.BertConfig, transformers.BertModel, write_bert_keys, bert_name,
                   arguments={"add_pooling_layer": False}),
    "gemma-embedding": Family(transformers.Gemma3TextConfig, transformers.Gemma3TextModel, write_embedding_gemma_keys,
                              decoder_name, golden_families.convert_gemma),
    "qwen3": Family(transformers.Qwen3Config, transformers.Qwen3Model, golden_families.write_qwen_keys, decoder_name),
}

MODELS = {
    "bert": Encoder(
        "PostLn, learned positions, token types; D of 60, three heads of 20, no width of whole lanes", "bert",
        dict(num_hidden_layers=3, hidden_size=60, num_attention_heads=3, intermediate_size=132, vocab_size=157,
             max_position_embeddings=96, type_vocab_size=2), gguf.PoolingType.MEAN),
    "bert-wide": Encoder(
        "whole blocks of 32, one token type, the first row; BF16 and Q8_0", "bert",
        dict(num_hidden_layers=2, hidden_size=64, num_attention_heads=4, intermediate_size=96, vocab_size=131,
             max_position_embeddings=80, type_vocab_size=1), gguf.PoolingType.CLS, also=(Format.BF16, Format.Q8_0), folder=False),
    "gemma-embedding": Encoder(
        "rows that see both sides, local layers through a window of 12 around them, two projections behind the mean",
        "gemma-embedding",
        golden_models.shape(7, 32, 4, 2, 24, 64, 160) | dict(
            query_pre_attn_scalar=24, sliding_window=12, use_bidirectional_attention=True, rope_parameters={
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "default", "rope_theta": 1000000.0}}),
        gguf.PoolingType.MEAN, projections=(72, 24)),
    "qwen3-last": Encoder(
        "a decoder whose last row is the embedding", "qwen3",
        golden_models.shape(2, 48, 6, 3, 24, 80, 167) | dict(rope_parameters={
            "rope_type": "default", "rope_theta": 1000000.0}), gguf.PoolingType.LAST, folder=False),
}


def pooled(hidden: Array, pooling: str) -> Array:
    if pooling == "MEAN":
        return hidden.astype(np.float64).mean(0)
    return hidden[0 if pooling == "CLS" else -1].astype(np.float64)


def weights_for(model: torch.nn.Module, encoder: Encoder) -> tuple[list[Weight], list[Weight]]:
    """Those of the model, and of the projections behind it."""
    out, dense = [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and name.endswith(".weight"):  # of a norm, which may hold w and multiply with 1 + w
            center, deviation = float(bool(parameter.any())), 0.25
        else:
            center, deviation = 0.0, 0.3 if parameter.ndim == 1 else 1 / np.sqrt(parameter.shape[-1])
        out.append(golden_record.weight(name, parameter.shape, center, deviation))
    width = model.config.hidden_size
    for i, outputs in enumerate(encoder.projections, 2):
        dense.append(golden_record.weight(f"{i}_Dense/linear.weight", (outputs, width), 0.0, 1 / np.sqrt(width)))
        width = outputs
    return out, dense


def write_gguf(path: Path, name: str, encoder: Encoder, tensors: dict[str, Array],
               config: transformers.PretrainedConfig, format: Format) -> dict[str, Array]:
    """Returns the values that the file holds."""
    writer = gguf.GGUFWriter(path, encoder.family)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(f"tiny random {name}")
    FAMILIES[encoder.family].write_keys(writer, config)
    writer.add_pooling_type(encoder.pooling)
    writer.add_file_type(make_golden.FILE_TYPES[format])
    if format not in (Format.F32, Format.F16, Format.BF16):
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    block = gguf.GGML_QUANT_SIZES[format][0]
    held = {}
    for tensor_name, values in tensors.items():
        chosen = Format.F32 if values.ndim == 1 else format if values.shape[-1] % block == 0 else Format.F16
        data = gguf.quants.quantize(np.ascontiguousarray(values, np.float32), chosen)
        held[tensor_name] = gguf.quants.dequantize(data, chosen).reshape(values.shape)
        writer.add_tensor(tensor_name, data, raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


@torch.no_grad()
def run(model: torch.nn.Module, sequences: list[list[int]]) -> list[Array]:
    return [model(input_ids=torch.tensor([s]), attention_mask=torch.ones(1, len(s), dtype=torch.long))
            .last_hidden_state[0].numpy() for s in sequences]


def save_folder(folder: Path, encoder: Encoder, model: torch.nn.Module, projections: list[Array]) -> None:
    """The model as a Hugging Face folder, with what sentence-transformers puts beside it."""
    model.save_pretrained(folder)
    # Some classes change what they are given, and would change it again.
    config = json.loads((folder / "config.json").read_text())
    config |= {key: value for key, value in encoder.config.items() if key in config and key != "rope_parameters"}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
               {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    for i, values in enumerate(projections, 2):
        dense = folder / f"{i}_Dense"
        dense.mkdir()
        safetensors.numpy.save_file({"linear.weight": values}, dense / "model.safetensors", {"format": "pt"})
        (dense / "config.json").write_text(json.dumps({
            "in_features": values.shape[1], "out_features": values.shape[0], "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity"}, indent=1) + "\n")
        modules.append({"idx": i, "name": str(i), "path": dense.name, "type": "sentence_transformers.models.Dense"})
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": model.config.hidden_size} | {
        f"pooling_mode_{mode}": encoder.pooling.name == kind
        for mode, kind in (("cls_token", "CLS"), ("mean_tokens", "MEAN"), ("lasttoken", "LAST"))}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=1) + "\n")
    (folder / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    (folder / "config_sentence_transformers.json").write_text(json.dumps({
        "prompts": {"query": "task: search result | query: ", "document": "title: none | text: "},
        "default_prompt_name": None}, indent=1) + "\n")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}, indent=1) + "\n")


def make(name: str, encoder: Encoder, out: Path, scratch: Path) -> None:
    family = FAMILIES[encoder.family]
    config = family.config(**encoder.config, attn_implementation="eager", pad_token_id=0)
    model = family.model(config, **family.arguments).eval()
    weights, dense = weights_for(model, encoder)
    golden_record.fill(model, weights, SEED)
    projections = [w.values(SEED) for w in dense]
    sequences = [counted_values.numbers(SEED, f"sequence {i}", length, config.vocab_size) for i, length in enumerate(LENGTHS)]

    def convert(parameters: dict[str, Array]) -> dict[str, Array]:
        out = {}
        for parameter, values in parameters.items():
            tensor = f"dense_{parameter[0]}.weight" if "_Dense" in parameter else family.name(parameter, config)
            out[tensor] = values if "_Dense" in parameter else family.convert(tensor, values, config)
        return out

    names = {parameter: family.name(parameter, config) for parameter, _ in model.named_parameters()}
    tensors = convert({p: v.detach().numpy() for p, v in model.named_parameters()} |
                      {w.name: values for w, values in zip(dense, projections)})
    files = [scratch / f"{name}.gguf"]
    write_gguf(files[0], name, encoder, tensors, config, Format.F32)
    hidden = run(model, sequences)
    record = {"name": name, "shows": encoder.shows, "made_with": {
        "script": "tools/make_embedding_golden.py", "seed": SEED,
        "versions": golden_record.versions("numpy", "torch", "transformers", "gguf")}}
    record |= {"file": f"{name}.gguf", "pooling": encoder.pooling.name.lower(), "sequences": sequences}
    if projections:
        rows = np.stack([pooled(h, encoder.pooling.name) for h in hidden])
        for projection in projections:
            rows = rows @ projection.astype(np.float64).T
        np.save(out / f"{name}.npy", rows.astype(np.float32))
        record["embeddings"] = f"{name}.npy"
    else:
        rows = np.stack([[pooled(h, pooling) for h in hidden] for pooling in POOLINGS])
        np.save(out / f"{name}.npy", rows.astype(np.float32))
        record["pooled"] = f"{name}.npy"
    if encoder.folder:
        record["folder"] = name
        save_folder(scratch / name, encoder, model, projections)
        golden_record.keep_small_files(scratch / name, out / name)
    variants = []
    for format in encoder.also:
        files.append(scratch / f"{name}-{format.name.lower()}.gguf")
        held = write_gguf(files[-1], name, encoder, tensors, config, format)
        for parameter, value in model.named_parameters():
            value.data = torch.from_numpy(held[names[parameter]].copy())
        np.save(out / f"{files[-1].stem}.npy", np.stack([pooled(h, "MEAN") for h in run(model, sequences)]).astype(np.float32))
        variants.append({"file": files[-1].name, "format": format.name, "means": f"{files[-1].stem}.npy"})
    record["variants"] = variants
    record |= golden_record.Model(weights + dense, {"gguf": golden_record.views(weights + dense, convert)}, files).describe()
    weighty = sorted(file for suffix in ("gguf", "safetensors") for file in scratch.rglob(f"*.{suffix}"))
    record["digests"] = golden_record.digests(scratch, weighty)
    (out / f"{name}.json").write_text(golden_record.dumps(record) + "\n")
    print(f"{name:16} {sum(f.stat().st_size for f in out.glob(name + '*')) / 1024:.0f} KiB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parent.parent / "tests" / "golden" / "embeddings"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--only", action="append", choices=MODELS, help="make this one only (may be repeated)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, encoder in MODELS.items():
        if not args.only or name in args.only:
            with tempfile.TemporaryDirectory() as scratch:
                make(name, encoder, args.out, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
