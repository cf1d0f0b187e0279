"""Ultravox in torch, by what its authors publish of it: transformers has no class for it, and theirs is code of the hub. Whisper's
encoder and the language model are those of transformers.

    frames      of a sound with silence up to a whole step of frames, two at least; windows of them, the last one filled up with
                zeros where it isn't the only one
    encoder     Whisper's, whose rows see those of two frames each that the sound has, and the places of a window begin at 0
    projector   y = norm(rows side by side, zeros behind the last); a, b = halves of y · W1; z = a · silu(b); where there is a norm
                in the middle, norm(z) · W2, else norm(z · W2). All norms are RMS, epsilon 1e-6.

Each sound goes through by itself, as one of a prompt by itself does. Where several go through at once, theirs fills up the shorter
ones with silence up to the longest, which the last row of these sees a little of.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import transformers


@dataclasses.dataclass
class Config:
    audio: transformers.WhisperConfig
    text: transformers.LlamaConfig
    hidden_size: int  # of the first product
    stack_factor: int
    projector_ln_mid: bool

    def to_dict(self) -> dict:
        kept = ("model_type", "d_model", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "num_mel_bins",
                "max_source_positions", "activation_function", "scale_embedding")
        audio = self.audio.to_dict()
        return {"architectures": ["UltravoxModel"], "model_type": "ultravox", "audio_config": {name: audio[name] for name in kept},
                "text_config": self.text.to_dict(), "hidden_size": self.hidden_size, "stack_factor": self.stack_factor,
                "projector_act": "swiglu", "projector_ln_mid": self.projector_ln_mid, "audio_latency_block_size": None,
                "vocab_size": self.text.vocab_size}


class Norm(torch.nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Projector(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.stack = config.stack_factor
        stacked, out = self.stack * config.audio.d_model, config.text.hidden_size
        self.ln_pre = Norm(stacked)
        self.linear_1 = torch.nn.Linear(stacked, config.hidden_size, bias=False)
        self.linear_2 = torch.nn.Linear(config.hidden_size // 2, out, bias=False)
        if config.projector_ln_mid:
            self.ln_mid = Norm(config.hidden_size // 2)
        else:
            self.ln_post = Norm(out)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[T, K] to [T / stack, D]"""
        count = -(-len(rows) // self.stack)
        filled = torch.zeros(count * self.stack, rows.shape[1], dtype=rows.dtype)
        filled[: len(rows)] = rows
        value, gate = self.linear_1(self.ln_pre(filled.reshape(count, -1))).chunk(2, -1)
        inner = value * torch.nn.functional.silu(gate)
        if hasattr(self, "ln_mid"):
            return self.linear_2(self.ln_mid(inner))
        return self.ln_post(self.linear_2(inner))


class Ultravox(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        whisper = transformers.WhisperModel._from_config(config.audio, dtype=torch.float32, attn_implementation="eager")
        self.audio_tower = whisper.encoder
        self.multi_modal_projector = Projector(config)
        self.language_model = transformers.LlamaForCausalLM._from_config(
            config.text, dtype=torch.float32, attn_implementation="eager")

    @property
    def dtype(self) -> torch.dtype:
        return self.multi_modal_projector.linear_1.weight.dtype

    def encoded(self, frames: torch.Tensor, heard: int) -> torch.Tensor:
        """The rows of one window, [bins, F] to [T, K], of which `heard` frames are the sound's."""
        tower, gelu = self.audio_tower, torch.nn.functional.gelu
        x = gelu(tower.conv2(gelu(tower.conv1(frames[None])))).permute(0, 2, 1)
        x = x + tower.embed_positions.weight[: x.shape[1]]
        rows = -(-heard // 2)
        mask = torch.zeros(1, 1, 1, x.shape[1], dtype=x.dtype)
        mask[..., rows:] = torch.finfo(x.dtype).min
        for layer in tower.layers:
            made = layer(x, mask.expand(1, 1, x.shape[1], -1))
            x = made[0] if isinstance(made, tuple) else made
        # Rows beyond the sound are put side by side with its own, unless it ends before them.
        return tower.layer_norm(x)[0]

    def sound_rows(self, windows: list[tuple[torch.Tensor, int]]) -> torch.Tensor:
        stack = 2 * self.config.stack_factor
        return torch.cat([self.multi_modal_projector(self.encoded(frames.to(self.dtype), heard))[: -(-heard // stack)]
                          for frames, heard in windows])

    def forward(self, input_ids: torch.Tensor, windows=(), places=None, **_):
        embeds = self.language_model.get_input_embeddings()(input_ids)
        if windows:
            embeds = embeds.clone()
            embeds[0, places] = self.sound_rows(windows)
        return self.language_model(inputs_embeds=embeds, use_cache=False)

    def save_pretrained(self, folder: Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "config.json").write_text(json.dumps(self.config.to_dict(), indent=2) + "\n")
        tensors = {name: tensor.detach().contiguous() for name, tensor in self.named_parameters()}
        safetensors.torch.save_file(tensors, Path(folder) / "model.safetensors", {"format": "pt"})


def hear(extractor: transformers.WhisperFeatureExtractor, sounds: list[np.ndarray], window: int):
    """Frames of each sound, its rows in the prompt by a stack factor of 8, and what the model takes."""
    frames, rows, windows = [], [], []
    for sound in sounds:
        sound = np.pad(sound, (0, max(0, 2 * extractor.hop_length - len(sound))))
        made = extractor(sound, sampling_rate=extractor.sampling_rate, padding="longest", truncation=False,
                         pad_to_multiple_of=extractor.hop_length, return_attention_mask=True, return_tensors="pt")
        whole, heard = made["input_features"][0], int(made["attention_mask"].sum())
        frames.append(whole[None].numpy())
        rows.append(0)
        for begin in range(0, heard, window):
            part = whole[:, begin: begin + window]
            if begin:
                part = torch.nn.functional.pad(part, (0, window - part.shape[1]))
            windows.append((part, min(heard - begin, window)))
            rows[-1] += -(-windows[-1][1] // 16)
    return frames, rows, dict(windows=windows)
