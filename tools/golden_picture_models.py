"""The tiny models with pictures that tools/golden_pictures.py records. What each one shows is a mistake that it would catch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import transformers

from golden_picture_tokenizers import LLAMA3_PATTERN, Special, byte_level, clip, gemma, siglip, spaces

# name: width, height
PICTURES = {"square": (60, 60), "wide": (96, 32), "tall": (30, 90), "tiny": (20, 13), "other": (96, 32)}

# Contents of the one message of each prompt: a text, or ("picture", NAME).
CASES: dict[str, list] = {
    "one": [("picture", "wide"), "What is in the picture?"],
    "two": ["Look:\n", ("picture", "square"), "\n\nis left of ", ("picture", "tall"), "\nCompare."],
    "tiny": ["What is <b>this</b>? ", ("picture", "tiny")],
    "twice": [("picture", "tiny"), ("picture", "tiny"), "Compare the picture and the picture"],
    "text": ["What is between left and right?"],
}
# A person's text that holds a family's placeholder.
TYPED = ["The picture ", ("picture", "tiny"), " and PLACEHOLDER typed."]


@dataclasses.dataclass(frozen=True)
class Model:
    shows: str
    config: Callable[[transformers.PreTrainedTokenizerFast], transformers.PretrainedConfig]
    tokenizer: Callable[[], transformers.PreTrainedTokenizerFast]
    image_processor: Callable[[], object]
    processor: Callable[..., object]
    placeholder: str  # what a person writes
    template: str
    cases: tuple[str, ...] = tuple(CASES)
    gain: float = 1.5


@dataclasses.dataclass(frozen=True)
class Variation:
    """The folder of a model with other small files or other names: the same weights."""

    model: str
    shows: str
    names: tuple[tuple[str, str], ...] = ()  # prefixes that tensors have instead
    old_files: bool = False  # preprocessor_config.json and chat_template.json, as folders were saved before
    # Members that are others, which the processor is asked for too: Gemma's puts its own before the folder's.
    image_processor: dict = dataclasses.field(default_factory=dict)
    config: Callable[[dict], None] | None = None  # changes config.json
    preprocessor: Callable[[dict], None] | None = None  # changes preprocessor_config.json
    transposed: tuple[str, ...] = ()  # ends of names whose tensors have their last two axes the other way round
    cases: tuple[str, ...] = ()  # that are recorded anew; without any, those of the model hold


def text_shape(d: int, heads: int, kv_heads: int, e: int, f: int, tied: bool, **rest) -> dict:
    return dict(num_hidden_layers=2, hidden_size=d, num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=e,
                intermediate_size=f, max_position_embeddings=1024, tie_word_embeddings=tied, pad_token_id=None) | rest


def tower_shape(layers: int, d: int, heads: int, f: int, image: int, patch: int, **rest) -> dict:
    return dict(num_hidden_layers=layers, hidden_size=d, num_attention_heads=heads, intermediate_size=f, image_size=image,
                patch_size=patch) | rest


def rotary(base: float) -> dict:
    return {"rope_type": "default", "rope_theta": base}


# --- Idefics3, SmolVLM ---------------------------------------------------------------------------------------------------

PARTS = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))
IDEFICS3_TOKENS = Special(
    ("<|begin_of_text|>", "<|end_of_text|>", "<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *PARTS),
    {"bos_token": "<|begin_of_text|>", "eos_token": "<end_of_utterance>", "pad_token": "<|end_of_text|>"}, "<|begin_of_text|>")
SMOLVLM_TOKENS = Special(
    ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>",
     *PARTS),
    {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>"})


def idefics3_template(begin: str) -> str:
    return (begin + "{%- for message in messages -%}{{- message.role | capitalize + ':' -}}"
            "{%- if message.content is string -%}{{- ' ' + message.content -}}{%- else -%}"
            "{%- for part in message.content -%}{%- if part.type == 'image' -%}{{- '<image>' -}}"
            "{%- else -%}{{- (' ' if loop.first else '') + part.text -}}{%- endif -%}{%- endfor -%}{%- endif -%}"
            "{{- '<end_of_utterance>\\n' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}")


def idefics3_config(kind: type, tower: dict, text: dict, scale: int, tied: bool):
    def make(tokenizer):
        ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
        return kind(vision_config=tower, text_config=dict(model_type="llama", vocab_size=len(tokenizer), **ids) | text,
                    image_token_id=tokenizer.convert_tokens_to_ids("<image>"), scale_factor=scale, tie_word_embeddings=tied)
    return make


# --- Gemma 3 -----------------------------------------------------------------------------------------------------------------

GEMMA_FIRST = ("<pad>", "<eos>", "<bos>", "<unk>")
GEMMA_EXTRA = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
GEMMA_TOKENS = Special((*GEMMA_FIRST, "<start_of_turn>", "<end_of_turn>", *GEMMA_EXTRA.values()),
                       {"bos_token": "<bos>", "eos_token": "<end_of_turn>", "pad_token": "<pad>", "unk_token": "<unk>"}, "<bos>")
GEMMA_TEMPLATE = (
    "{{- bos_token -}}{%- for message in messages -%}"
    "{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' -}}"
    "{%- if message.content is string -%}{{- message.content | trim -}}{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type == 'image' -%}{{- '<start_of_image>' -}}{%- else -%}{{- part.text | trim -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{{- '<end_of_turn>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}")


def gemma_config(tower: dict, per_image: int, window: int):
    def make(tokenizer):
        text = text_shape(32, 4, 2, 12, 48, True, vocab_size=len(tokenizer), query_pre_attn_scalar=12, sliding_window=window,
                          layer_types=["sliding_attention", "full_attention"],
                          bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                          rope_parameters={"sliding_attention": rotary(10000.0), "full_attention": {
                              "rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}})
        return transformers.Gemma3Config(
            vision_config=dict(model_type="siglip_vision_model", vision_use_head=False) | tower, text_config=text,
            mm_tokens_per_image=per_image, image_token_index=tokenizer.image_token_id, boi_token_index=tokenizer.boi_token_id,
            eoi_token_index=tokenizer.eoi_token_id)
    return make


# --- LLaVA -----------------------------------------------------------------------------------------------------------------

LLAVA_FIRST = ("<unk>", "<s>", "</s>")
LLAVA_TOKENS = Special((*LLAVA_FIRST, "<image>", "<pad>"),
                       {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, "<s>")
# Pictures before all text, whatever their order.
LLAVA_TEMPLATE = (
    "{%- for message in messages -%}{{- message.role | upper + ': ' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}"
    "{%- for part in message.content | selectattr('type', 'equalto', 'image') -%}{{- '<image>\\n' -}}{%- endfor -%}"
    "{%- for part in message.content | selectattr('type', 'equalto', 'text') -%}{{- part.text -}}{%- endfor -%}{%- endif -%}"
    "{{- ' ' if message.role == 'user' else '</s>' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}")
# Pictures where they stand.
LLAVA_NEXT_TEMPLATE = (
    "{%- for message in messages -%}{%- if message.role == 'user' -%}{{- '[INST] ' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content -%}"
    "{{- '<image>\\n' if part.type == 'image' else part.text -}}{%- endfor -%}{%- endif -%}{{- ' [/INST]' -}}"
    "{%- else -%}{{- ' ' + (message.content if message.content is string else message.content[0].text) + '</s>' -}}"
    "{%- endif -%}{%- endfor -%}")
POINTS = [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]


def llava_config(kind: type, tower: dict, text: dict, **rest):
    def make(tokenizer):
        ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
        return kind(vision_config=tower, text_config=dict(vocab_size=len(tokenizer), **ids) | text,
                    image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
                    tie_word_embeddings=text["tie_word_embeddings"], **rest)
    return make


def llava_processor(kind: type, patch: int, strategy: str, additional: int):
    return lambda **parts: kind(patch_size=patch, vision_feature_select_strategy=strategy,
                                num_additional_image_tokens=additional, **parts)


def clip_sizes(size: int) -> dict:
    return dict(size={"shortest_edge": size}, crop_size={"height": size, "width": size})


MODELS = {
    "idefics3": Model(
        "tiles in rows and columns and the whole picture behind them, four rows a tile of 4 x 4 patches; two newlines that are one "
        "token; untied head, three KV heads of 10",
        idefics3_config(transformers.Idefics3Config, tower_shape(3, 36, 3, 52, 56, 14), text_shape(
            42, 6, 3, 10, 60, False, rope_parameters=rotary(500000.0)), 2, False),
        lambda: byte_level(IDEFICS3_TOKENS, LLAMA3_PATTERN),
        lambda: transformers.Idefics3ImageProcessor(size={"longest_edge": 112}, max_image_size={"longest_edge": 56}),
        lambda **parts: transformers.Idefics3Processor(image_seq_len=4, **parts), "<image>",
        idefics3_template("{{- '<|begin_of_text|>' -}}")),
    "smolvlm": Model(
        "nine rows a tile of 9 x 9 patches of 8, three times three patches a row; tied head, one KV head",
        idefics3_config(transformers.SmolVLMConfig, tower_shape(2, 40, 4, 56, 72, 8), text_shape(
            48, 3, 1, 16, 64, True, rope_parameters=rotary(100000.0)), 3, True),
        lambda: byte_level(SMOLVLM_TOKENS),
        lambda: transformers.SmolVLMImageProcessor(size={"longest_edge": 144}, max_image_size={"longest_edge": 72}),
        lambda **parts: transformers.SmolVLMProcessor(
            image_seq_len=9, video_processor=transformers.SmolVLMVideoProcessor(
                size={"longest_edge": 72}, max_image_size={"longest_edge": 72}), **parts), "<image>",
        idefics3_template("{{- '<|im_start|>' -}}")),
    "smolvlm-4": Model(
        "four times four patches a row, four rows a tile; a picture that fits one tile isn't split",
        idefics3_config(transformers.SmolVLMConfig, tower_shape(2, 32, 2, 44, 64, 8), text_shape(
            40, 4, 2, 12, 52, False, rope_parameters=rotary(10000.0)), 4, False),
        lambda: byte_level(SMOLVLM_TOKENS),
        lambda: transformers.SmolVLMImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 64}),
        lambda **parts: transformers.SmolVLMProcessor(
            image_seq_len=4, video_processor=transformers.SmolVLMVideoProcessor(
                size={"longest_edge": 64}, max_image_size={"longest_edge": 64}), **parts), "<image>",
        idefics3_template("{{- '<|im_start|>' -}}"), cases=("one", "two")),
    "smolvlm-positions": Model(
        "25 x 25 patches, whose positions aren't all the patches' own numbers: they are found by rounded fractions; one tile",
        idefics3_config(transformers.SmolVLMConfig, tower_shape(2, 24, 2, 36, 100, 4), text_shape(
            32, 4, 2, 8, 44, False, rope_parameters=rotary(10000.0)), 5, False),
        lambda: byte_level(SMOLVLM_TOKENS),
        lambda: transformers.SmolVLMImageProcessor(size={"longest_edge": 100}, max_image_size={"longest_edge": 100}),
        lambda **parts: transformers.SmolVLMProcessor(
            image_seq_len=25, video_processor=transformers.SmolVLMVideoProcessor(
                size={"longest_edge": 100}, max_image_size={"longest_edge": 100}), **parts), "<image>",
        idefics3_template("{{- '<|im_start|>' -}}"), cases=("one",)),
    "gemma3": Model(
        "nine rows a picture that see each other, a window of six that cuts them, means of 2 x 2 patches; newlines of the text join "
        "those around a picture",
        gemma_config(tower_shape(3, 40, 4, 56, 84, 14), 9, 6),
        lambda: gemma(GEMMA_TOKENS, GEMMA_FIRST, GEMMA_EXTRA),
        lambda: transformers.Gemma3ImageProcessor(size={"height": 84, "width": 84}),
        lambda **parts: transformers.Gemma3Processor(image_seq_length=9, **parts), "<start_of_image>", GEMMA_TEMPLATE, gain=1.0),
    "gemma3-pooled": Model(
        "four rows a picture, means of 3 x 3 patches of 8; a window longer than the picture",
        gemma_config(tower_shape(2, 36, 2, 48, 48, 8), 4, 10),
        lambda: gemma(GEMMA_TOKENS, GEMMA_FIRST, GEMMA_EXTRA),
        lambda: transformers.Gemma3ImageProcessor(size={"height": 48, "width": 48}),
        lambda **parts: transformers.Gemma3Processor(image_seq_length=4, **parts), "<start_of_image>", GEMMA_TEMPLATE,
        cases=("one", "two"), gain=1.0),
    "llava": Model(
        "the last layer but one of CLIP's tower without its class row, quick GELU; pictures cut to their middle; all pictures "
        "before the text; two KV heads of 14",
        llava_config(transformers.LlavaConfig, dict(model_type="clip_vision_model", projection_dim=24) | tower_shape(
            3, 36, 3, 52, 56, 14), dict(model_type="llama") | text_shape(
                40, 4, 2, 14, 60, False, rope_parameters=rotary(10000.0)),
            vision_feature_layer=-2, vision_feature_select_strategy="default", image_seq_length=16),
        lambda: spaces(LLAVA_TOKENS, LLAVA_FIRST, whole_text=False),
        lambda: transformers.CLIPImageProcessor(**clip_sizes(56)),
        llava_processor(transformers.LlavaProcessor, 14, "default", 1), "<image>", LLAVA_TEMPLATE),
    "llava-siglip": Model(
        "rows of two layers side by side of SigLIP's tower, all of them; its pooling head is there and unused; no biases in the "
        "projector; tied head",
        llava_config(transformers.LlavaConfig, dict(model_type="siglip_vision_model") | tower_shape(
            3, 32, 2, 44, 40, 8), dict(model_type="llama") | text_shape(
                36, 3, 1, 12, 56, True, rope_parameters=rotary(10000.0)),
            vision_feature_layer=[1, -1], vision_feature_select_strategy="full", multimodal_projector_bias=False,
            image_seq_length=25),
        lambda: spaces(LLAVA_TOKENS, LLAVA_FIRST, whole_text=True),
        lambda: transformers.SiglipImageProcessor(size={"height": 40, "width": 40}),
        llava_processor(transformers.LlavaProcessor, 8, "full", 0), "<image>", LLAVA_TEMPLATE, cases=("one", "two")),
    "llava-next": Model(
        "the whole picture, then tiles of the nearest grid without the rows and columns of padding, a learned row at the end of each "
        "line; Mistral",
        llava_config(transformers.LlavaNextConfig, dict(model_type="clip_vision_model", projection_dim=24) | tower_shape(
            3, 40, 4, 56, 56, 14), dict(model_type="mistral", sliding_window=None) | text_shape(
                40, 4, 2, 12, 60, False, rope_parameters=rotary(1000000.0)),
            vision_feature_layer=-2, vision_feature_select_strategy="default", image_grid_pinpoints=POINTS, image_seq_length=16),
        lambda: spaces(LLAVA_TOKENS, LLAVA_FIRST, whole_text=True),
        lambda: transformers.LlavaNextImageProcessor(image_grid_pinpoints=POINTS, **clip_sizes(56)),
        llava_processor(transformers.LlavaNextProcessor, 14, "default", 1), "<image>", LLAVA_NEXT_TEMPLATE),
}

# --- two towers ----------------------------------------------------------------------------------------------------------------

TEXTS = ("a picture of the red picture", "Blue!", "", "a red, a blue & 12 of the 3 -- what else is there?", "a <mark> picture")


def clip_config(eos: str):
    def make(tokenizer):
        ids = dict(bos_token_id=tokenizer.bos_token_id, pad_token_id=1,
                   eos_token_id=2 if eos == "old" else tokenizer.eos_token_id)
        return transformers.CLIPConfig(
            text_config=dict(vocab_size=len(tokenizer), hidden_size=36, intermediate_size=52, num_hidden_layers=2,
                             num_attention_heads=3, max_position_embeddings=24, projection_dim=20) | ids,
            vision_config=tower_shape(3, 40, 4, 56, 56, 14, projection_dim=20), projection_dim=20)
    return make


def siglip_config(tokenizer):
    return transformers.SiglipConfig(
        text_config=dict(vocab_size=len(tokenizer), hidden_size=36, intermediate_size=48, num_hidden_layers=2,
                         num_attention_heads=3, max_position_embeddings=20, bos_token_id=0, eos_token_id=1, pad_token_id=1),
        vision_config=tower_shape(3, 36, 4, 48, 40, 8))


@dataclasses.dataclass(frozen=True)
class Pair:
    """A model of texts and pictures side by side."""

    shows: str
    config: Callable
    tokenizer: Callable
    image_processor: Callable
    processor: type
    text_arguments: dict = dataclasses.field(default_factory=dict)
    gain: float = 1.5


PAIRS = {
    "clip": Pair("the text's row is that of the highest id (an end token written as 2, as the first folders have it)",
                 clip_config("old"), clip, lambda: transformers.CLIPImageProcessor(**clip_sizes(56)), transformers.CLIPProcessor,
                 dict(truncation=True)),
    "clip-eos": Pair("the text's row is that of the first end token, which isn't the highest id",
                     clip_config("new"), clip, lambda: transformers.CLIPImageProcessor(**clip_sizes(56)), transformers.CLIPProcessor,
                 dict(truncation=True)),
    "siglip": Pair("texts filled up to the full length, their last row; pictures pooled by attention with one learned query",
                   siglip_config, lambda: siglip(20), lambda: transformers.SiglipImageProcessor(size={"height": 40, "width": 40}),
                   transformers.SiglipProcessor, dict(padding="max_length", truncation=True)),
}


# --- variations ----------------------------------------------------------------------------------------------------------------

OLD_TOWER = (("vision_tower.", "vision_tower.vision_model."),)
# As the parameters are called in memory; some folders have them so.
IN_MEMORY = (("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head."),
             ("vision_tower.", "model.vision_tower."), ("multi_modal_projector.", "model.multi_modal_projector."))


def old_llava_config(config: dict) -> None:
    text = config["text_config"]
    text["rope_theta"] = text.pop("rope_parameters")["rope_theta"]
    for part in (config, text, config["vision_config"]):
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")
    # Members that such files leave out, as they are the class's.
    for member in ("hidden_act", "layer_norm_eps", "num_channels", "attention_dropout"):
        config["vision_config"].pop(member, None)


def old_gemma_config(config: dict) -> None:
    text = config["text_config"]
    rotary_of = text.pop("rope_parameters")
    text["rope_theta"] = rotary_of["full_attention"]["rope_theta"]
    text["rope_local_base_freq"] = rotary_of["sliding_attention"]["rope_theta"]
    text["rope_scaling"] = {"rope_type": "linear", "factor": rotary_of["full_attention"]["factor"]}
    for part in (config, text, config["vision_config"]):
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")


VARIATIONS = {
    "llava-old": Variation("llava", "tensors, config.json and processors as folders had them before", OLD_TOWER, True,
                           config=old_llava_config),
    "llava-inside": Variation("llava", "tensors called as in memory, behind a prefix `model.`", IN_MEMORY),
    "llava-next-old": Variation("llava-next", "tensors, config.json and processors as folders had them before", OLD_TOWER, True,
                                config=old_llava_config),
    "gemma3-old": Variation("gemma3", "tensors, config.json and processors as folders had them before", OLD_TOWER, True,
                            config=old_gemma_config),
    "idefics3-old": Variation("idefics3", "processors as folders had them before", old_files=True),
    "idefics3-whole": Variation("idefics3", "do_image_splitting off: one tile, squeezed",
                                image_processor={"do_image_splitting": False}, cases=("one", "two")),
    "gemma3-pan": Variation("gemma3", "do_pan_and_scan on: parts of a long picture behind it, with words between",
                            image_processor={"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 16,
                                             "pan_and_scan_max_num_crops": 4, "pan_and_scan_min_ratio_to_activate": 1.2},
                            cases=("one", "two")),
}
