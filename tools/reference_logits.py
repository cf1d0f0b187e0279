#!/usr/bin/env python3
"""Logits of a GGUF language model by a plain float program: numpy for the arithmetic, the `gguf` package to read and
dequantize. It shares no code with sirocco and is written for checking, not for speed.

    reference_logits.py MODEL.gguf --tokens 1,2,3 --out logits.npy
    reference_logits.py MODEL.gguf --tokens ids.npy --window 512 --out logits.npy

Writes float32 [T, V]. `--window N` cuts the tokens into windows that know nothing of one another (a shorter rest is kept).
`--activations int8` and `--kv f16` imitate the rounding that sirocco's numeric contract allows, to tell a mistake from
the cost of the formats; without them everything is computed in `--dtype` (float64 by default). What a site's rounding
costs is asked with `--activations float,down=int8` or `--activations int8,down=float`: sites are qkv, o, gate_up, down,
head and other, forms float, int8 (blocks of 32), one, few and all (with a second digit in so many blocks of a row, those
with the largest scales; few are five). `int8` as the first word is what sirocco does at each site.

Architectures: one entry of FAMILIES each.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import numpy as np

Array = np.ndarray


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def clamped_swish(gate: Array, up: Array) -> Array:
    gate, up = np.minimum(gate, 7), np.clip(up, -7, 7)
    return gate / (1 + np.exp(-1.702 * gate)) * (up + 1)


@dataclasses.dataclass(frozen=True)
class Family:
    """What the architecture's name says and the file's metadata doesn't."""

    activation: Callable[[Array], Array] | Callable[[Array, Array], Array]
    adjacent_pairs: bool  # rotary pairs are (2i, 2i+1); otherwise (i, i + E/2)
    sandwich: bool = False  # norms also behind attention and feed-forward
    scaled_embedding: bool = False  # by sqrt(D)
    window_period: int = 0  # every n-th layer is global, the others local; 0: all global
    local_freq_base: float | None = None  # default rotary base of local layers; None: as the global ones
    local_scaled: bool = False  # rope.scaling.* holds for local layers too
    window_everywhere: bool = False  # where there is one
    softmax_of_chosen: bool = False  # the router's logits choose, and a softmax over the chosen ones weighs
    yarn_truncated: bool = True  # bounds between fast and slow pairs are whole numbers
    normalized_experts: bool = False  # weights of the chosen experts sum to one, unless the file says otherwise
    parallel: bool = False  # attention and feed-forward read the same norm
    rotary: bool = True
    scale_by_model_width: int = -1  # block count of the one size whose attention scale is (D/H)^-0.5


FAMILIES = {
    "llama": Family(silu, adjacent_pairs=True, window_everywhere=True, local_scaled=True, normalized_experts=True),
    "qwen2": Family(silu, adjacent_pairs=False),
    "qwen3": Family(silu, adjacent_pairs=False),
    "qwen3moe": Family(silu, adjacent_pairs=False, normalized_experts=True),
    "gpt2": Family(gelu_tanh, adjacent_pairs=False, rotary=False),
    "phi2": Family(gelu_tanh, adjacent_pairs=False, parallel=True),
    "gpt-oss": Family(clamped_swish, adjacent_pairs=False, window_period=2, local_scaled=True, yarn_truncated=False,
                      softmax_of_chosen=True),
    "deepseek2": Family(silu, adjacent_pairs=True),
    "gemma2": Family(gelu_tanh, adjacent_pairs=False, sandwich=True, scaled_embedding=True, window_period=2,
                     local_scaled=True, scale_by_model_width=46),
    "gemma3": Family(gelu_tanh, adjacent_pairs=False, sandwich=True, scaled_embedding=True, window_period=6,
                     local_freq_base=10000.0, scale_by_model_width=62),
}


@dataclasses.dataclass(frozen=True)
class Rotary:
    """Angle a position of each pair of a head, [E/2]."""

    frequencies: Array
    adjacent_pairs: bool
    magnitude: float = 1.0

    def __call__(self, x: Array, positions: Array) -> Array:
        """x [T, heads, E], rotated; dimensions beyond the rotary ones pass through."""
        angle = positions[:, None] * self.frequencies[None, :]
        cos, sin = (x.dtype.type(self.magnitude) * f(angle)[:, None, :].astype(x.dtype) for f in (np.cos, np.sin))
        half = len(self.frequencies)
        out = x.copy()
        first, second = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if self.adjacent_pairs else (
            slice(0, half), slice(half, 2 * half))
        out[..., first] = x[..., first] * cos - x[..., second] * sin
        out[..., second] = x[..., first] * sin + x[..., second] * cos
        return out


@dataclasses.dataclass
class Weight:
    values: Array  # [rows, K]
    integer: bool  # a block format of integers: its activations may be rounded


INTEGER_FORMATS = {q for q in gguf.GGMLQuantizationType if q.name.startswith(("Q", "IQ", "TQ", "MX"))}


def round_to_int8_blocks(x: Array, block: int = 32) -> Array:
    """x [..., K] rounded to int8 in blocks of 32 with a float32 scale of amax / 127, to nearest even."""
    blocks = x.astype(np.float32).reshape(*x.shape[:-1], -1, block)
    scale = np.abs(blocks).max(-1, keepdims=True) / np.float32(127)
    with np.errstate(divide="ignore", invalid="ignore"):
        rounded = np.where(scale > 0, np.rint(blocks / scale), 0)
    return (rounded.astype(x.dtype) * scale.astype(x.dtype)).reshape(x.shape)


def round_with_fine_blocks(x: Array, fine: int, block: int = 32) -> Array:
    """The same, and what that left of the `fine` blocks of a row with the largest scales, rounded once more."""
    rounded = round_to_int8_blocks(x, block)
    finer = rounded + round_to_int8_blocks(x - rounded, block)
    largest = np.abs(x.astype(np.float32)).reshape(*x.shape[:-1], -1, block).max(-1)
    rank = np.argsort(np.argsort(-largest, -1, kind="stable"), -1, kind="stable")
    return np.where(np.repeat(rank < fine, block, -1), finer, rounded)


FORMS: dict[str, Callable[[Array], Array]] = {
    "float": lambda x: x,
    "int8": round_to_int8_blocks,
    "one": lambda x: round_with_fine_blocks(x, 1),
    "few": lambda x: round_with_fine_blocks(x, 5),
    "all": lambda x: round_with_fine_blocks(x, x.shape[-1]),
}
SITES = {"qkv": "one", "o": "int8", "gate_up": "one", "down": "int8", "head": "few", "other": "int8"}


def site_of(name: str) -> str:
    """Where in a model the matrix is."""
    part = name.rpartition(".")[2]
    if part in ("output", "token_embd"):
        return "head"
    for site, beginnings in {"o": ("attn_output",), "other": ("attn_k_b", "attn_v_b", "attn_kv_b", "ffn_gate_inp"),
                             "qkv": ("attn_",), "gate_up": ("ffn_gate", "ffn_up"), "down": ("ffn_down",)}.items():
        if part.startswith(beginnings):
            return site
    return "other"


def read_activations(text: str) -> dict[str, str]:
    """The form of each site; see the head of this file."""
    first, *chosen = text.split(",")
    forms = dict(SITES) if first == "int8" else dict.fromkeys(SITES, first)
    for site, _, form in (choice.partition("=") for choice in chosen):
        if site not in SITES:
            raise SystemExit(f"no site {site!r}; there are {', '.join(SITES)}")
        forms[site] = form
    for form in forms.values():
        if form not in FORMS:
            raise SystemExit(f"no form {form!r}; there are {', '.join(FORMS)}")
    return forms


class Model:
    def __init__(self, path: Path, dtype=np.float64, activations: str = "float", kv: str = "float"):
        self.reader = gguf.GGUFReader(path)
        self.tensors = {t.name: t for t in self.reader.tensors}
        self.dtype, self.forms, self.kv = np.dtype(dtype), read_activations(activations), kv
        self.arch = self.reader.get_field("general.architecture").contents()
        if self.arch not in FAMILIES:
            raise SystemExit(f"{path}: architecture {self.arch!r}; this program knows {', '.join(FAMILIES)}")
        self.family = FAMILIES[self.arch]
        self.layers = self.key("block_count")
        self.width = self.key("embedding_length")
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv", self.heads)
        self.head_dim = self.key("attention.key_length", self.width // self.heads)
        self.eps = self.key("attention.layer_norm_epsilon", 0.0) or self.key("attention.layer_norm_rms_epsilon")
        self.window = self.key("attention.sliding_window", 0)
        self.attention_cap = self.key("attn_logit_softcapping", 0.0)
        self.logit_cap = self.key("final_logit_softcapping", 0.0)
        per_head = self.width // self.heads if self.layers == self.family.scale_by_model_width else self.head_dim
        self.scale = self.key("attention.scale", 0.0) or per_head**-0.5
        self.rotary = {local: self.make_rotary(local) for local in (False, True)}
        self.cached: dict[str, Weight] = {}

    def key(self, name: str, default=None):
        field = self.reader.get_field(f"{self.arch}.{name}")
        if field is None and default is None:
            raise SystemExit(f"metadata key {self.arch}.{name} is missing")
        return default if field is None else field.contents()

    def make_rotary(self, local: bool) -> Rotary:
        dims = self.key("rope.dimension_count", self.head_dim)
        base = self.key("rope.freq_base", 10000.0)
        if local:
            base = self.key("rope.freq_base_swa", self.family.local_freq_base or base)
        frequencies = base ** (-np.arange(0, dims, 2, dtype=np.float64) / dims)
        if "rope_freqs.weight" in self.tensors:
            frequencies = frequencies / self.weight("rope_freqs.weight").values.reshape(-1)
        if self.key("rope.scaling.type", "none") == "linear" and (not local or self.family.local_scaled):
            frequencies = frequencies / self.key("rope.scaling.factor")
        magnitude = 1.0
        if self.key("rope.scaling.type", "none") == "yarn":
            factor = self.key("rope.scaling.factor")
            frequencies = self.yarn(frequencies, base, factor)
            magnitude = 1.0 if self.key("rope.scaling.yarn_log_multiplier", 0.0) else 0.1 * np.log(factor) + 1
        return Rotary(frequencies, self.family.adjacent_pairs, magnitude)

    def yarn(self, frequencies: Array, base: float, factor: float) -> Array:
        """Pairs that turn 32 times in the original context or more stay, those that turn once or less are divided."""
        turns = self.key("rope.scaling.original_context_length") * frequencies / (2 * np.pi)
        # log(turns) falls evenly with the pair, so the bounds are found on that line.
        pairs = len(frequencies)
        fast, slow = (np.log(turns[0] / n) / np.log(base) * pairs for n in (32, 1))
        if self.family.yarn_truncated:
            fast, slow = np.floor(fast), np.ceil(slow)
        fast, slow = max(fast, 0), min(slow, 2 * pairs - 1)
        share = np.clip((np.arange(pairs) - fast) / (slow - fast or 0.001), 0, 1)
        return frequencies * (1 - share) + frequencies / factor * share

    def is_local(self, layer: int) -> bool:
        if not self.window or not self.family.window_period:
            return bool(self.window) and self.family.window_everywhere
        pattern = self.key("attention.sliding_window_pattern", self.family.window_period)
        return bool(pattern[layer]) if isinstance(pattern, list) else layer % pattern < pattern - 1

    def weight(self, name: str) -> Weight:
        tensor = self.tensors[name]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(self.dtype)
        return Weight(values.reshape([int(n) for n in reversed(tensor.shape)]), tensor.tensor_type in INTEGER_FORMATS)

    def get(self, name: str) -> Weight:
        if name not in self.cached:
            self.cached[name] = self.weight(name)
        return self.cached[name]

    def linear(self, x: Array, name: str, expert: int | None = None) -> Array:
        w, which = self.get(name + ".weight"), () if expert is None else expert
        if w.integer:
            x = FORMS[self.forms[site_of(name)]](x)
        y = x @ w.values[which].T
        return y + self.get(name + ".bias").values[which] if name + ".bias" in self.tensors else y

    def norm(self, x: Array, name: str) -> Array:
        if name + ".bias" in self.tensors:
            x = x - np.mean(x, axis=-1, keepdims=True)
            scaled = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.eps)
            return scaled * self.get(name + ".weight").values + self.get(name + ".bias").values
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.eps) * self.get(name + ".weight").values

    def latent_attention(self, x: Array, name: str) -> Array:
        """Absorbed: queries go through the matrix that would make keys of latents, sums of latents through the other."""
        t, positions = len(x), np.arange(len(x))
        latent, rotated = self.key("attention.kv_lora_rank"), self.key("rope.dimension_count")
        head_dim = self.key("attention.key_length_mla", self.head_dim)
        plain = head_dim - rotated
        if name + "attn_q_a.weight" in self.tensors:
            q = self.linear(self.norm(self.linear(x, name + "attn_q_a"), name + "attn_q_a_norm"), name + "attn_q_b")
        else:
            q = self.linear(x, name + "attn_q")
        q = q.reshape(t, self.heads, head_dim)
        kv = self.linear(x, name + "attn_kv_a_mqa")
        shared = self.norm(kv[:, :latent], name + "attn_kv_a_norm")
        key = self.rotary[False](kv[:, None, latent:], positions)[:, 0]
        turned = self.rotary[False](q[:, :, plain:], positions)
        scale = head_dim**-0.5
        if self.key("rope.scaling.yarn_log_multiplier", 0.0):
            factor = np.log(self.key("rope.scaling.factor"))
            scale *= (1 + self.key("rope.scaling.yarn_log_multiplier") * factor) ** 2
        together = name + "attn_kv_b.weight" in self.tensors
        out = []
        for head in range(self.heads):
            if together:
                both = self.get(name + "attn_kv_b.weight")
                rows = both.values.reshape(self.heads, -1, latent)[head]
                query = q[:, head, :plain] @ rows[:plain]
            else:
                query = self.linear(q[:, head, :plain], name + "attn_k_b", head)
            scores = (query @ shared.T + turned[:, head] @ key.T) * self.dtype.type(scale)
            scores = np.where(positions[:, None] >= positions[None, :], scores, -np.inf)
            p = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (p / p.sum(-1, keepdims=True)) @ shared
            if together:
                mixed = FORMS[self.forms["other"]](mixed) if both.integer else mixed
                out.append(mixed @ rows[plain:].T)
            else:
                out.append(self.linear(mixed, name + "attn_v_b", head))
        return self.linear(np.concatenate(out, -1), name + "attn_output")

    def attention(self, x: Array, layer: int) -> Array:
        t, name = len(x), f"blk.{layer}."
        if name + "attn_kv_a_mqa.weight" in self.tensors:
            return self.latent_attention(x, name)
        if name + "attn_qkv.weight" in self.tensors:
            ends = self.heads * self.head_dim, (self.heads + self.kv_heads) * self.head_dim
            q, k, v = np.split(self.linear(x, name + "attn_qkv"), ends, axis=-1)
        else:
            q, k, v = (self.linear(x, name + part) for part in ("attn_q", "attn_k", "attn_v"))
        q = q.reshape(t, self.heads, self.head_dim)
        k = k.reshape(t, self.kv_heads, self.head_dim)
        v = v.reshape(t, self.kv_heads, -1)
        if name + "attn_q_norm.weight" in self.tensors:
            q, k = self.norm(q, name + "attn_q_norm"), self.norm(k, name + "attn_k_norm")
        local, positions = self.is_local(layer), np.arange(t)
        if self.family.rotary:
            q, k = (self.rotary[local](part, positions) for part in (q, k))
        if self.kv == "f16":
            k, v = (part.astype(np.float16).astype(self.dtype) for part in (k, v))
        distance = positions[:, None] - positions[None, :]
        visible = (distance >= 0) & (distance < self.window) if local else distance >= 0
        out = np.empty((t, self.heads, v.shape[-1]), self.dtype)
        for head in range(self.heads):
            shared = head // (self.heads // self.kv_heads)
            scores = (q[:, head] @ k[:, shared].T) * self.dtype.type(self.scale)
            if self.attention_cap:
                scores = np.tanh(scores / self.attention_cap) * self.attention_cap
            scores = np.where(visible, scores, -np.inf)
            largest = scores.max(-1, keepdims=True)
            p = np.exp(scores - largest)
            total = p.sum(-1, keepdims=True)
            if name + "attn_sinks.weight" in self.tensors:
                total = total + np.exp(self.get(name + "attn_sinks.weight").values[head] - largest)
            out[:, head] = (p / total) @ v[:, shared]
        return self.linear(out.reshape(t, -1), name + "attn_output")

    def feed_forward(self, x: Array, layer: int) -> Array:
        name = f"blk.{layer}."
        if name + "ffn_gate_inp.weight" not in self.tensors:
            return self.mlp(x, name)
        out = self.mlp(x, name, "_shexp") if name + "ffn_gate_shexp.weight" in self.tensors else np.zeros_like(x)
        weights = self.route(x, name)
        for expert in range(weights.shape[1]):
            rows = weights[:, expert] != 0
            if rows.any():
                out[rows] += weights[rows, expert, None] * self.mlp(x[rows], name, "_exps", expert)
        return out

    def mlp(self, x: Array, name: str, kind: str = "", expert: int | None = None) -> Array:
        if f"{name}ffn_gate{kind}.weight" not in self.tensors:
            return self.linear(self.family.activation(self.linear(x, f"{name}ffn_up{kind}")), f"{name}ffn_down{kind}")
        gate, up = (self.linear(x, f"{name}ffn_{part}{kind}", expert) for part in ("gate", "up"))
        both = self.family.activation is clamped_swish
        inner = self.family.activation(gate, up) if both else self.family.activation(gate) * up
        return self.linear(inner, f"{name}ffn_down{kind}", expert)

    def route(self, x: Array, name: str) -> Array:
        """[T, E]: what each expert counts for, 0 where it wasn't chosen."""
        logits = self.linear(x, name + "ffn_gate_inp")
        sigmoid = self.key("expert_gating_func", 1) == 2
        scores = np.exp(logits - logits.max(-1, keepdims=True))
        scores = 1 / (1 + np.exp(-logits)) if sigmoid else scores / scores.sum(-1, keepdims=True)
        bias = self.get(name + "exp_probs_b.bias").values if name + "exp_probs_b.bias" in self.tensors else 0
        out = np.zeros_like(scores)
        groups = self.key("expert_group_count", 1)
        for t, row in enumerate(scores):
            keys = row + bias
            of_group = np.sort(keys.reshape(groups, -1), -1)[:, -2 if sigmoid else -1:].sum(-1)
            best = np.argsort(-of_group, kind="stable")
            open_groups = np.zeros(groups, bool)
            open_groups[best[:self.key("expert_group_used_count", groups)]] = True
            candidates = np.where(np.repeat(open_groups, len(row) // groups), keys, -np.inf)
            chosen = np.argsort(-candidates, kind="stable")[:self.key("expert_used_count")]
            weights = row[chosen]
            if self.family.softmax_of_chosen or self.key("expert_weights_norm", self.family.normalized_experts):
                weights = weights / weights.sum()
            out[t, chosen] = weights * self.key("expert_weights_scale", 1.0)
        return out

    def hidden(self, tokens: Array) -> Array:
        """[T, D] behind the last norm."""
        x = self.get("token_embd.weight").values[tokens]
        if self.family.scaled_embedding:
            x = x * self.dtype.type(self.width**0.5)
        if "position_embd.weight" in self.tensors:
            x = x + self.get("position_embd.weight").values[:len(tokens)]
        behind = self.norm if self.family.sandwich else lambda x, _: x
        for layer in range(self.layers):
            name = f"blk.{layer}."
            if self.family.parallel:
                same = self.norm(x, name + "attn_norm")
                x = x + self.attention(same, layer) + self.feed_forward(same, layer)
                continue
            x = x + behind(self.attention(self.norm(x, name + "attn_norm"), layer), name + "post_attention_norm")
            inner = "ffn_norm" if name + "ffn_norm.weight" in self.tensors else "post_attention_norm"
            x = x + behind(self.feed_forward(self.norm(x, name + inner), layer), name + "post_ffw_norm")
        return self.norm(x, "output_norm")

    def lm_head(self, hidden: Array) -> Array:
        name = "output" if "output.weight" in self.tensors else "token_embd"
        logits = self.linear(hidden, name)
        return np.tanh(logits / self.logit_cap) * self.logit_cap if self.logit_cap else logits

    def logits(self, tokens: Array) -> Array:
        return self.lm_head(self.hidden(tokens))


def read_tokens(text: str) -> Array:
    """A .npy file, a text file of ids separated by commas or blanks, or such a list itself."""
    if text.endswith(".npy"):
        return np.load(text).reshape(-1).astype(np.int64)
    if Path(text).is_file():
        text = Path(text).read_text()
    return np.array([int(n) for n in text.strip().strip("[]").replace(",", " ").split()], dtype=np.int64)


def windows(tokens: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(tokens), size or len(tokens)):
        yield tokens[start:start + (size or len(tokens))]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--activations", default="float", help="float, int8, and forms of sites; see above")
    parser.add_argument("--kv", choices=["float", "f16"], default="float")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--tokens", required=True, help="a .npy file, a text file of ids, or a list 1,2,3")
    parser.add_argument("--window", type=int, default=0, help="tokens a window (default: all in one)")
    parser.add_argument("--limit", type=int, default=0, help="use the first N tokens only")
    parser.add_argument("--out", type=Path, required=True, help="float32 [T, V] as .npy")
    args = parser.parse_args()

    model = Model(args.model, args.dtype, args.activations, args.kv)
    tokens = read_tokens(args.tokens)
    tokens = tokens[:args.limit] if args.limit else tokens
    vocabulary = int(model.tensors["token_embd.weight"].shape[1])
    if not len(tokens) or tokens.min() < 0 or tokens.max() >= vocabulary:
        raise SystemExit(f"need at least one token id, each from 0 to {vocabulary - 1}")
    out = np.lib.format.open_memmap(args.out, mode="w+", dtype=np.float32, shape=(len(tokens), vocabulary))
    done = 0
    for part in windows(tokens, args.window):
        out[done:done + len(part)] = model.logits(part)
        done += len(part)
        print(f"{done} of {len(tokens)} tokens", file=sys.stderr)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
