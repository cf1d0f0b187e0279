"""What the scripts that record tiny models share: weights that are made (counted_values.py), files described so that the tests
can make them again (tests/golden/README.md has the members), and expectations that are stored in part.

A tensor of a file is a view of a weight: a place to start at, counts and strides. They aren't written down by hand: a
conversion is run on numbers that say where they came from, and the views are read off what it made of them.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import safetensors.numpy
import torch

import counted_values

Array = np.ndarray
Convert = Callable[[dict[str, Array]], dict[str, Array]]
EVERY = (23, 29)  # of all logits one in how many is stored: the first that doesn't divide the vocabulary


# --- weights -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Weight:
    """A parameter as it is made, before it is rounded to `dtype`."""

    name: str
    shape: tuple[int, ...]
    center: float
    spread: float
    dtype: str = "F32"

    def values(self, seed: int) -> Array:
        made = torch.from_numpy(counted_values.values(seed, self.name, self.shape, self.center, self.spread))
        return made.to(TORCH[self.dtype]).float().numpy()


TORCH = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def weight(name: str, shape: tuple[int, ...], center: float, deviation: float, dtype: str = "F32") -> Weight:
    """One with that standard deviation."""
    return Weight(name, tuple(shape), *(float(f"{x:.6g}") for x in (center, deviation * 12**0.5)), dtype)


def fill(model: torch.nn.Module, weights: list[Weight], seed: int) -> None:
    """Gives a model its weights, which have to be all that it has."""
    held = dict(learned(model))
    if {w.name: w.shape for w in weights} != {name: tuple(tensor.shape) for name, tensor in held.items()}:
        raise SystemExit(f"{type(model).__name__}: the weights aren't the model's")
    for w in weights:
        held[w.name].data = torch.from_numpy(w.values(seed))


def learned(model: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters, and what is learned in another way."""
    buffers = [(name, buffer) for name, buffer in model.named_buffers() if name.endswith("e_score_correction_bias")]
    return list(model.named_parameters()) + buffers


# --- views -------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class View:
    """A tensor of a file. `dims`: (count, stride) from the outermost on, of the weight's elements one after another."""

    shape: tuple[int, ...]
    of: str = ""
    start: int = 0
    dims: tuple[tuple[int, int], ...] = ()
    plus: float = 0
    values: tuple[float, ...] = ()  # instead of a weight's


def split_into_dims(places: Array) -> tuple[int, tuple[tuple[int, int], ...]]:
    rest, dims = places.reshape(-1), []
    while len(rest) > 1:
        stride = int(rest[1] - rest[0])
        differs = np.flatnonzero(np.diff(rest) != stride)
        count = int(differs[0]) + 1 if len(differs) else len(rest)
        dims.insert(0, (count, stride))
        rest = rest[::count]
    start = int(rest[0])
    made = np.array([start])
    for count, stride in dims:
        made = (made[:, None] + np.arange(count) * stride).reshape(-1)
    if not np.array_equal(made, places.reshape(-1)):
        raise SystemExit("a conversion that is no view")
    return start, tuple(dims) or ((1, 1),)


def views(weights: list[Weight], convert: Convert) -> dict[str, View]:
    """What the conversion makes of the weights: it may move elements, and add a number to all of a tensor."""
    first, places = {}, {}
    count = 1
    for w in weights:
        first[w.name] = count
        size = int(np.prod(w.shape))
        places[w.name] = np.arange(count, count + size, dtype=np.float32).reshape(w.shape)
        count += size
    if count >= 1 << 24:
        raise SystemExit("too many weights to number them in float32")
    plain = convert({w.name: np.zeros(w.shape, np.float32) for w in weights})
    found = {}
    for name, moved in convert(places).items():
        if np.array_equal(moved, plain[name]):
            found[name] = View(moved.shape, values=tuple(float(str(x)) for x in moved.astype(np.float32).tolist()))
            continue
        plus = float(plain[name].flat[0])
        at = np.asarray(moved, np.float64) - plus
        source = [w for w in weights if first[w.name] <= at.min()][-1]
        start, dims = split_into_dims((at - first[source.name]).astype(np.int64))
        found[name] = View(moved.shape, source.name, start, dims, plus)
    return found


# --- descriptions ------------------------------------------------------------------------------------------------------

LAYER = re.compile(r"(?<=\.)\d+(?=\.)")
EXPERT = re.compile(r"(?<=experts\.)\d+(?=\.)")


@dataclasses.dataclass
class Model:
    """The weights of a model, and what its files make of them."""

    weights: list[Weight]
    # A form's name (gguf, folder, packed) and the tensors that have it, in the order of the file; without a form of its own
    # in folders, a weight is there as it is.
    forms: dict[str, dict[str, View]] = dataclasses.field(default_factory=dict)
    gguf_files: list[Path] = dataclasses.field(default_factory=list)

    def describe(self) -> dict:
        """Members `weights` and, where there are such files, `gguf`."""
        out: dict = {}
        formats: dict[str, list[str]] = {}
        if self.gguf_files:
            out["gguf"], formats = describe_gguf(self.gguf_files, self.forms["gguf"])
        by_name = {w.name: {"name": w.name, "shape": list(w.shape), "spread": w.spread} for w in self.weights}
        for w in self.weights:
            by_name[w.name] |= ({"center": w.center} if w.center else {}) | ({"dtype": w.dtype} if w.dtype != "F32" else {})
        shapes = {w.name: w.shape for w in self.weights}
        for form, found in self.forms.items():
            views_of: dict[str, list] = {}
            for name, view in found.items():
                if view.of:
                    views_of.setdefault(view.of, []).append(describe_view(name, view, shapes[view.of], formats.get(name)
                                                                          if form == "gguf" else None))
            for of, entries in views_of.items():
                entries = [entry["name"] if set(entry) == {"name"} else entry for entry in gather_experts(entries)]
                if form == "gguf" or entries != [of]:
                    by_name[of][form] = entries[0] if len(entries) == 1 else entries
        return {"weights": gather_layers(list(by_name.values()))} | out


def describe_view(name: str, view: View, shape: tuple[int, ...], formats: list[str] | None) -> dict:
    """What can be left out: all of the weight, its shape, the usual formats."""
    entry: dict = {"name": name}
    if view.shape != shape:
        entry["shape"] = list(view.shape)
    if view.plus:
        entry["plus"] = view.plus
    if view.start or view.dims != ((int(np.prod(shape)), 1),):
        entry |= {"start": view.start, "dims": [list(dim) for dim in view.dims]}
    return entry | ({"formats": formats} if formats else {})


def gather_experts(entries: list[dict]) -> list[dict]:
    """Tensors of experts one after another as one: '#' stands for the number, `experts` is their count and the stride."""
    out: list[dict] = []
    firsts: dict[str, dict] = {}
    for entry in entries:
        number = EXPERT.search(entry["name"])
        if not number:
            out.append(entry)
            continue
        general = {**entry, "name": EXPERT.sub("#", entry["name"])}
        start = general.pop("start")
        first = firsts.setdefault(json.dumps(general), {**general, "start": start, "experts": [0, 0]})
        count, stride = first["experts"]
        if count == 0:
            out.append(first)
        elif count == 1:
            stride = start - first["start"]
        if int(number[0]) != count or start != first["start"] + count * stride:
            raise SystemExit(f"{general['name']}: experts that don't follow one another")
        first["experts"] = [count + 1, stride]
    return out


def gather_layers(weights: list[dict]) -> list[dict]:
    """Weights of layers that follow one another as one group: '*' stands for the number, `layers` are the first and the last."""
    out: list[dict] = []
    groups: list[tuple[int, list[dict]]] = []
    for entry in [*weights, None]:
        number = entry and LAYER.search(entry["name"])
        if number and groups and groups[-1][0] == int(number[0]):
            groups[-1][1].append(general_layer(entry, number[0]))
        elif number:
            groups.append((int(number[0]), [general_layer(entry, number[0])]))
        else:
            while groups:
                layer, members = groups.pop(0)
                last = layer
                while groups and groups[0] == (last + 1, members):
                    last = groups.pop(0)[0]
                out.append({"layers": [layer, last], "weights": members})
            if entry:
                out.append(entry)
    return out


def general_layer(entry, number: str):
    """In each text the first of that number, which is the layer's: T5 has `block.0.layer.0`."""
    if isinstance(entry, str):
        return re.sub(rf"(?<=\.){number}(?=\.)", "*", entry, count=1)
    if isinstance(entry, dict):
        return {key: general_layer(value, number) for key, value in entry.items()}
    return [general_layer(each, number) for each in entry] if isinstance(entry, list) else entry


def describe_gguf(files: list[Path], found: dict[str, View]) -> tuple[dict, dict[str, list[str]]]:
    """GGUF files with the same tensors: their names, keys that they share and their own, the format of each, and tensors that
    are no weights; and the formats of the tensors that have others than their file (vectors are in F32)."""
    readers = [gguf.GGUFReader(file) for file in files]
    keys = [[describe_key(field) for field in reader.fields.values() if not field.name.startswith("GGUF.")]
            for reader in readers]
    shared = [key for key in keys[0] if all(key in others for others in keys)]
    names = [format_of(reader) for reader in readers]
    tensors = {tensor.name: [tensor.tensor_type.name] for tensor in readers[0].tensors}
    if list(tensors) != list(found):
        raise SystemExit("the file's tensors aren't those of the conversion, in its order")
    for reader in readers[1:]:
        for tensor in reader.tensors:
            tensors[tensor.name].append(tensor.tensor_type.name)
    values = [{"name": name, "values": list(view.values)} for name, view in found.items() if view.values]
    described = {"files": [file.name for file in files], "formats": names, "keys": shared,
                 "own_keys": [[key for key in own if key not in shared] for own in keys]}
    unusual = {name: formats for name, formats in tensors.items()
               if formats != (names if len(found[name].shape) > 1 else ["F32"] * len(files))}
    return described | ({"values": values} if values else {}), unusual


def format_of(reader: gguf.GGUFReader) -> str:
    """The one that the file is said to be in."""
    return gguf.LlamaFileType(reader.fields["general.file_type"].contents()).name.split("_", 1)[1].removesuffix("_MOE")


def describe_key(field: gguf.ReaderField) -> list:
    kinds = [kind.name.lower() for kind in field.types]
    value = field.contents()
    if kinds[-1] == "float32":
        value = [float(str(np.float32(x))) for x in value] if kinds[0] == "array" else float(str(np.float32(value)))
    return [field.name, ":".join(kinds), value]


def saved_views(weights: list[Weight], save: Callable[[dict[str, Array], Path], None]) -> dict[str, View]:
    """What a folder holds that `save` writes."""

    def convert(parameters: dict[str, Array]) -> dict[str, Array]:
        with tempfile.TemporaryDirectory() as scratch:
            save(parameters, Path(scratch))
            return {name: values for file in sorted(Path(scratch).glob("model*.safetensors"))
                    for name, values in safetensors.numpy.load_file(file).items()}

    return dict(sorted(views(weights, convert).items(), key=natural))


def natural(item: tuple[str, View]) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]


# --- records -----------------------------------------------------------------------------------------------------------


def stored(logits: Array) -> tuple[int, Array]:
    """One in how many, and those, of [T, V] row after row: a few of every position, each place several times."""
    every = next(n for n in EVERY if logits.shape[-1] % n)
    return every, np.ascontiguousarray(logits, np.float32).reshape(-1)[::every]


def digests(root: Path, files: list[Path]) -> dict[str, str]:
    return {file.relative_to(root).as_posix(): counted_values.digest(file.read_bytes()) for file in files}


def keep_small_files(scratch: Path, folder: Path) -> None:
    """A folder's files into the repository, those with weights aside."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(scratch, folder, ignore=shutil.ignore_patterns("*.safetensors"))


def versions(*packages: str) -> dict[str, str]:
    return {"python": sys.version.split()[0]} | {package: importlib.metadata.version(package) for package in packages}


def dumps(value, indent: int = 0, room: int = 120) -> str:
    """JSON; one line for what fits one, for lists of numbers, and for an object that holds none."""
    flat = json.dumps(value, ensure_ascii=False)
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    numbers = not isinstance(value, dict) and not any(isinstance(m, (dict, list, str)) for m in members)
    leaf = isinstance(value, dict) and "{" not in flat[1:] and indent > 1
    if len(flat) <= room - indent or numbers or leaf:
        return flat
    heads = [f"{json.dumps(key)}: " for key in value] if isinstance(value, dict) else [""] * len(members)
    begin, end = "{}" if isinstance(value, dict) else "[]"
    inner = "\n" + " " * (indent + 1)
    parts = [inner + head + dumps(m, indent + 1, room - len(head)) for head, m in zip(heads, members)]
    return begin + ",".join(parts) + "\n" + " " * indent + end
