"""The tiny models with sound that tools/golden_sounds.py records. What each one shows is a mistake that it would catch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
import transformers
from transformers.models.voxtral.processing_voxtral import VoxtralProcessor

import golden_ultravox
from golden_picture_models import rotary, text_shape
from golden_picture_tokenizers import LLAMA3_PATTERN, Special, byte_level

RATE = 16000
SECONDS = 2  # of a window
WINDOW = SECONDS * RATE
POSITIONS = 100  # rows of a window

# name: samples. A window less one sample; two windows, and frames that Ultravox puts together without a rest.
SOUNDS = {"short": 7001, "odd": 12345, "tiny": 900, "most": WINDOW - 1, "long": 2 * WINDOW + 12701, "other": 7001}

# Contents of the one message of each prompt: a text, or ("sound", NAME).
CASES: dict[str, list] = {
    "one": [("sound", "short"), "What is in the sound?"],
    "two": ["Listen: ", ("sound", "odd"), " is left of ", ("sound", "tiny"), "\nCompare."],
    "most": [("sound", "most"), "What?"],
    "long": [("sound", "long"), "What is between left and right?"],
    "text": ["What is between left and right?"],
}


@dataclasses.dataclass(frozen=True)
class Heard:
    """What is made of the sounds of a prompt."""

    frames: list[np.ndarray]  # of each sound [windows, bins, frames]
    rows: list[int]  # of each sound in the prompt
    inputs: dict[str, torch.Tensor]  # for the model


@dataclasses.dataclass(frozen=True)
class Model:
    shows: str
    config: Callable[[transformers.PreTrainedTokenizerFast], transformers.PretrainedConfig]
    make: Callable[[transformers.PretrainedConfig], torch.nn.Module]
    tokenizer: Callable[[], transformers.PreTrainedTokenizerFast]
    bins: int
    hear: Callable[[transformers.WhisperFeatureExtractor, list[np.ndarray]], Heard]
    template: str
    placeholder: str  # what the template writes
    expanded: Callable[[int], str]  # instead of the placeholder, for so many rows
    token: str  # that stands for a row in `ids`
    cases: tuple[str, ...]
    today: bool  # settings in processor_config.json; else in preprocessor_config.json, as before


def tower(d: int, layers: int, heads: int, inner: int, bins: int) -> dict:
    return dict(d_model=d, encoder_layers=layers, encoder_attention_heads=heads, encoder_ffn_dim=inner, num_mel_bins=bins,
                max_source_positions=POSITIONS)


# --- Qwen2-Audio -----------------------------------------------------------------------------------------------------------

CHATML = Special(("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
                 {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
QWEN2_AUDIO_TEMPLATE = (
    "{%- set sounds = namespace(count=0) -%}{%- for message in messages -%}"
    "{%- if loop.first and message['role'] != 'system' -%}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}{%- endif -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' -}}{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
    "{%- for part in message['content'] -%}{%- if part['type'] == 'audio' -%}{%- set sounds.count = sounds.count + 1 -%}"
    "{{- 'Audio ' + sounds.count | string + ': <|audio_bos|><|AUDIO|><|audio_eos|>\\n' -}}"
    "{%- elif 'text' in part -%}{{- part['text'] -}}{%- endif -%}{%- endfor -%}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}")


def qwen2_audio_config(tokenizer):
    ids = dict(bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    text = text_shape(40, 4, 2, 10, 56, False, rope_parameters=rotary(10000.0))
    text.pop("head_dim")
    return transformers.Qwen2AudioConfig(
        audio_config=dict(model_type="qwen2_audio_encoder") | tower(32, 3, 4, 52, 80),
        text_config=dict(model_type="qwen2", vocab_size=len(tokenizer), **ids) | text,
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"), tie_word_embeddings=False)


def qwen2_audio_hear(extractor, sounds):
    made = extractor(sounds, sampling_rate=RATE, return_attention_mask=True, padding="max_length", return_tensors="pt")
    lengths = made["attention_mask"].sum(-1)
    rows = [int((((length - 1) // 2 + 1) - 2) // 2 + 1) for length in lengths]
    return Heard([each[None].numpy() for each in made["input_features"]], rows,
                 dict(input_features=made["input_features"], feature_attention_mask=made["attention_mask"]))


# --- Voxtral -----------------------------------------------------------------------------------------------------------------

MISTRAL = Special(("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AUDIO]", "[BEGIN_AUDIO]"),
                  {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>"})
# Its tokens are those that mistral-common makes of the conversation.
VOXTRAL_TEMPLATE = (
    "{{- bos_token -}}{%- for message in messages -%}{%- if message.role == 'user' -%}{{- '[INST]' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content -%}"
    "{{- '[AUDIO]' if part.type == 'audio' else part.text -}}{%- endfor -%}{%- endif -%}{{- '[/INST]' -}}"
    "{%- else -%}{{- message.content + eos_token -}}{%- endif -%}{%- endfor -%}")


def voxtral_config(tokenizer):
    ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    text = text_shape(48, 6, 2, 12, 60, False, rope_parameters=rotary(100000000.0))
    return transformers.VoxtralConfig(
        audio_config=dict(model_type="voxtral_encoder", hidden_size=24, intermediate_size=96, num_hidden_layers=3,
                          num_attention_heads=2, num_mel_bins=128, max_source_positions=POSITIONS),
        text_config=dict(model_type="llama", vocab_size=len(tokenizer), **ids) | text,
        audio_token_id=tokenizer.convert_tokens_to_ids("[AUDIO]"))


def voxtral_hear(extractor, sounds):
    class Processor:
        feature_extractor = extractor

    made = [VoxtralProcessor._retrieve_input_features(
        Processor, [sound], 2 * POSITIONS, sampling_rate=RATE, padding=True, truncation=False, pad_to_multiple_of=WINDOW,
        return_tensors="pt") for sound in sounds]
    return Heard([each.numpy() for each in made], [len(each) * POSITIONS // 4 for each in made],
                 dict(input_features=torch.cat(made)))


# --- Ultravox ------------------------------------------------------------------------------------------------------------------

LLAMA3 = Special(("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
                 {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|end_of_text|>"})
# Llama 3's takes texts; the parts of a message are joined as programs do that know nothing of sound.
ULTRAVOX_TEMPLATE = (
    "{{- bos_token -}}{%- for message in messages -%}"
    "{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}")


def ultravox_config(middle: bool):
    def make(tokenizer):
        ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
        return golden_ultravox.Config(
            audio=transformers.WhisperConfig(**tower(32, 3, 4, 48, 80), decoder_layers=1, decoder_attention_heads=4,
                                             decoder_ffn_dim=32, vocab_size=300, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                             decoder_start_token_id=1),
            text=transformers.LlamaConfig(vocab_size=len(tokenizer), **ids, **text_shape(
                40, 4, 2, 10, 56, False, rope_parameters=rotary(500000.0))),
            hidden_size=88, stack_factor=8, projector_ln_mid=middle)
    return make


MODELS = {
    "qwen2-audio": Model(
        "means of two rows before the norm; only what is heard of a window counts; several sounds; biases of queries, keys and values",
        qwen2_audio_config, lambda c: transformers.Qwen2AudioForConditionalGeneration._from_config(
            c, dtype=torch.float32, attn_implementation="eager"),
        lambda: byte_level(CHATML), 80, qwen2_audio_hear, QWEN2_AUDIO_TEMPLATE, "<|AUDIO|>", lambda rows: "<|AUDIO|>" * rows,
        "<|AUDIO|>", ("one", "two", "most", "text"), True),
    "voxtral": Model(
        "whole windows of one spectrogram, silence behind the sound; four rows together; a sound of several windows; 128 bands",
        voxtral_config, lambda c: transformers.VoxtralForConditionalGeneration._from_config(
            c, dtype=torch.float32, attn_implementation="eager"),
        lambda: byte_level(MISTRAL), 128, voxtral_hear, VOXTRAL_TEMPLATE, "[AUDIO]",
        lambda rows: "[BEGIN_AUDIO]" + "[AUDIO]" * rows, "[AUDIO]", ("one", "two", "long", "text"), False),
    "ultravox": Model(
        "eight rows together, zeros behind the last ones; the gate is the second half; a norm in the middle of the projector; a sound "
        "of several windows whose last one ends with it",
        ultravox_config(True), golden_ultravox.Ultravox, lambda: byte_level(LLAMA3, LLAMA3_PATTERN), 80,
        lambda extractor, sounds: Heard(*golden_ultravox.hear(extractor, sounds, 2 * POSITIONS)), ULTRAVOX_TEMPLATE,
        "<|audio|>", None, "<|eot_id|>", ("one", "two", "most", "long", "text"), False),
    "ultravox-end": Model(
        "the norm at the end of the projector, as in versions up to 0.4.1",
        ultravox_config(False), golden_ultravox.Ultravox, lambda: byte_level(LLAMA3, LLAMA3_PATTERN), 80,
        lambda extractor, sounds: Heard(*golden_ultravox.hear(extractor, sounds, 2 * POSITIONS)), ULTRAVOX_TEMPLATE,
        "<|audio|>", None, "<|eot_id|>", ("one", "two"), False),
}
