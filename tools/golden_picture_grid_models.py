"""Tiny models whose pictures keep their shape, for tools/golden_pictures.py: a picture is a grid of patches of its own, and a row
of the language model stands for a square of patches."""

from __future__ import annotations

import transformers

from golden_picture_models import Model, Variation, llava_config, rotary, text_shape
from golden_picture_tokenizers import Special, byte_level

# --- Qwen-VL ---------------------------------------------------------------------------------------------------------------

QWEN_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
                r"\s+(?!\S)|\s+")
QWEN_TOKENS = Special(
    ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
     "<|video_pad|>"), {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
QWEN_TEMPLATE = (
    "{%- for message in messages -%}{%- if loop.first and message.role != 'system' -%}"
    "{{- '<|im_start|>system\\nLook.<|im_end|>\\n' -}}{%- endif -%}{{- '<|im_start|>' + message.role + '\\n' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type == 'image' or 'image' in part -%}{{- '" + PICTURE + "' -}}"
    "{%- elif 'text' in part -%}{{- part.text -}}{%- endif -%}{%- endfor -%}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}")


def sections(base: float, *counts: int, **rest) -> dict:
    return rotary(base) | {"mrope_section": list(counts)} | rest


def qwen_config(kind: type, tower: dict, text: dict):
    def make(tokenizer):
        def token(name: str) -> int:
            return tokenizer.convert_tokens_to_ids(f"<|{name}|>")

        ids = dict(bos_token_id=token("endoftext"), eos_token_id=token("im_end"))
        return kind(vision_config=tower, text_config=dict(vocab_size=len(tokenizer)) | ids | text,
                    tie_word_embeddings=text["tie_word_embeddings"], image_token_id=token("image_pad"),
                    video_token_id=token("video_pad"), vision_start_token_id=token("vision_start"),
                    vision_end_token_id=token("vision_end"))
    return make


def qwen_pictures(patch: int, fewest: int, most: int, **rest):
    return lambda: transformers.Qwen2VLImageProcessor(
        patch_size=patch, temporal_patch_size=2, merge_size=2, size={"shortest_edge": fewest, "longest_edge": most}, **rest)


def qwen_processor(kind: type, video: type):
    return lambda **parts: kind(video_processor=video(), **parts)


HALVES = dict(image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5])
QWEN2 = qwen_processor(transformers.Qwen2VLProcessor, transformers.Qwen2VLVideoProcessor)
QWEN25 = qwen_processor(transformers.Qwen2_5_VLProcessor, transformers.Qwen2VLVideoProcessor)
QWEN3 = qwen_processor(transformers.Qwen3VLProcessor, transformers.Qwen3VLVideoProcessor)


def qwen_tokenizer():
    return byte_level(QWEN_TOKENS, QWEN_PATTERN)


def small_text(d: int, heads: int, kv_heads: int, f: int, tied: bool, **rest) -> dict:
    """Without a head size: it is d / heads."""
    return {name: value for name, value in text_shape(d, heads, kv_heads, 0, f, tied, **rest).items() if name != "head_dim"}


def qwen3_tower(depth: int, d: int, heads: int, f: int, patch: int, out: int, positions: int, *deep: int) -> dict:
    return dict(depth=depth, hidden_size=d, num_heads=heads, intermediate_size=f, patch_size=patch, out_hidden_size=out,
                num_position_embeddings=positions, deepstack_visual_indexes=list(deep))


# --- Pixtral, Mistral 3 ----------------------------------------------------------------------------------------------------

PIXTRAL_TOKENS = Special(
    ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[SYSTEM_PROMPT]",
     "[/SYSTEM_PROMPT]"),
    {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, "<s>")
PIXTRAL_TEMPLATE = (
    "{{- bos_token -}}{%- for message in messages -%}{%- if message.role == 'user' -%}{{- '[INST]' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content -%}"
    "{{- '[IMG]' if part.type == 'image' else part.text -}}{%- endfor -%}{%- endif -%}{{- '[/INST]' -}}"
    "{%- elif message.role == 'system' -%}{{- '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' -}}"
    "{%- else -%}{{- (message.content if message.content is string else message.content[0].text) + '</s>' -}}"
    "{%- endif -%}{%- endfor -%}")


def pixtral_tokenizer():
    return byte_level(PIXTRAL_TOKENS, QWEN_PATTERN)


def pixtral_tower(layers: int, d: int, heads: int, f: int, image: int, patch: int, **rest) -> dict:
    return dict(model_type="pixtral", num_hidden_layers=layers, hidden_size=d, num_attention_heads=heads, intermediate_size=f,
                image_size=image, patch_size=patch, rope_theta=10000.0) | rest


def pixtral_config(kind: type, tower: dict, text: dict, **rest):
    make_llava = llava_config(kind, tower, text, **rest)

    def make(tokenizer):
        config = make_llava(tokenizer)
        config.image_token_index = config.image_token_id = tokenizer.convert_tokens_to_ids("[IMG]")
        return config
    return make


def pixtral_pictures(patch: int, longest: int):
    return lambda: transformers.PixtralImageProcessor(patch_size={"height": patch, "width": patch}, size={"longest_edge": longest})


def pixtral_processor(patch: int, merge: int):
    return lambda **parts: transformers.PixtralProcessor(patch_size=patch, spatial_merge_size=merge, **parts)


def mistral_text(*shape, **rest) -> dict:
    return dict(model_type="mistral", sliding_window=None) | text_shape(*shape, **rest)


# --- models ----------------------------------------------------------------------------------------------------------------

GRID_MODELS = {
    "qwen2-vl": Model(
        "two heads of 20, quick GELU, four patches a row; positions of three axes in sections of 1, 3 and 2 pairs; untied head",
        qwen_config(transformers.Qwen2VLConfig,
                    dict(depth=3, embed_dim=40, hidden_size=48, num_heads=2, mlp_ratio=2, patch_size=8),
                    small_text(48, 4, 2, 60, False, rope_parameters=sections(1000000.0, 1, 3, 2))),
        qwen_tokenizer, qwen_pictures(8, 300, 3100), QWEN2, "<|image_pad|>", QWEN_TEMPLATE),
    "qwen2-vl-tied": Model(
        "three heads of 12, patches of 6; tied head, one KV head, another order of sizes of the sections",
        qwen_config(transformers.Qwen2VLConfig,
                    dict(depth=2, embed_dim=36, hidden_size=48, num_heads=3, mlp_ratio=3, patch_size=6),
                    small_text(48, 3, 1, 52, True, rope_parameters=sections(10000.0, 4, 2, 2))),
        qwen_tokenizer, qwen_pictures(6, 576, 4000), QWEN2, "<|image_pad|>", QWEN_TEMPLATE, cases=("one", "two")),
    "qwen2.5-vl": Model(
        "windows of 4 x 4 patches, smaller than most pictures and larger than one; every second layer sees the whole picture; RMS "
        "norms and a gated MLP with biases",
        qwen_config(transformers.Qwen2_5_VLConfig,
                    dict(depth=4, hidden_size=40, num_heads=2, intermediate_size=52, patch_size=8, window_size=32,
                         out_hidden_size=48, fullatt_block_indexes=[1, 3]),
                    small_text(48, 4, 2, 60, False, rope_parameters=sections(1000000.0, 1, 3, 2))),
        qwen_tokenizer, qwen_pictures(8, 300, 3100), QWEN25, "<|image_pad|>", QWEN_TEMPLATE),
    "qwen2.5-vl-windows": Model(
        "windows of 6 x 6 patches that no picture is a multiple of, the first and the last layer see the whole picture; tied head",
        qwen_config(transformers.Qwen2_5_VLConfig,
                    dict(depth=3, hidden_size=36, num_heads=3, intermediate_size=44, patch_size=4, window_size=24,
                         out_hidden_size=40, fullatt_block_indexes=[0, 2]),
                    small_text(40, 2, 1, 52, True, rope_parameters=sections(10000.0, 4, 3, 3))),
        qwen_tokenizer, qwen_pictures(4, 64, 2000), QWEN25, "<|image_pad|>", QWEN_TEMPLATE, cases=("one", "two", "tiny")),
    "qwen3-vl": Model(
        "positions between those of a table of 5 x 5; rows of two layers of the tower are added behind the first two of three layers; "
        "interleaved sections, three KV heads of 16",
        qwen_config(transformers.Qwen3VLConfig, qwen3_tower(4, 40, 2, 52, 8, 44, 25, 0, 2),
                    text_shape(44, 6, 3, 16, 60, False, num_hidden_layers=3,
                               rope_parameters=sections(500000.0, 4, 2, 2, mrope_interleaved=True))),
        qwen_tokenizer, qwen_pictures(8, 300, 3100, **HALVES), QWEN3, "<|image_pad|>", QWEN_TEMPLATE),
    "qwen3-vl-tied": Model(
        "a table of 7 x 7, patches of 6, rows of three layers behind all three layers; tied head; sections of 4, 3 and 3 pairs",
        qwen_config(transformers.Qwen3VLConfig, qwen3_tower(4, 36, 3, 44, 6, 40, 49, 0, 1, 3),
                    text_shape(40, 2, 1, 20, 52, True, num_hidden_layers=3,
                               rope_parameters=sections(10000.0, 4, 3, 3, mrope_interleaved=True))),
        qwen_tokenizer, qwen_pictures(6, 576, 4000, **HALVES), QWEN3, "<|image_pad|>", QWEN_TEMPLATE, cases=("one", "two")),
    "qwen3-vl-moe": Model(
        "experts in the language model",
        qwen_config(transformers.Qwen3VLMoeConfig, qwen3_tower(3, 40, 2, 52, 8, 44, 16, 1),
                    text_shape(44, 4, 2, 12, 52, False, moe_intermediate_size=24, num_experts=4, num_experts_per_tok=2,
                               rope_parameters=sections(500000.0, 2, 2, 2, mrope_interleaved=True))),
        qwen_tokenizer, qwen_pictures(8, 300, 3100, **HALVES), QWEN3, "<|image_pad|>", QWEN_TEMPLATE, cases=("one", "two")),
    "pixtral": Model(
        "pictures as large as they are, up to a longest edge; a token at the end of each line; two axes of positions, their frequencies in "
        "turn; no biases in the tower",
        pixtral_config(transformers.LlavaConfig, pixtral_tower(3, 40, 2, 52, 64, 8),
                       mistral_text(44, 4, 2, 12, 60, False, rope_parameters=rotary(1000000.0)),
                       vision_feature_layer=-1, vision_feature_select_strategy="full", image_seq_length=1),
        pixtral_tokenizer, pixtral_pictures(8, 64), pixtral_processor(8, 1), "[IMG]", PIXTRAL_TEMPLATE),
    "pixtral-silu": Model(
        "three heads of 12, SiLU, patches of 12; no biases in the projector",
        pixtral_config(transformers.LlavaConfig, pixtral_tower(2, 36, 3, 44, 72, 12, hidden_act="silu"),
                       mistral_text(40, 2, 1, 20, 52, False, rope_parameters=rotary(10000.0)),
                       vision_feature_layer=-1, vision_feature_select_strategy="full", image_seq_length=1,
                       multimodal_projector_bias=False),
        pixtral_tokenizer, pixtral_pictures(12, 72), pixtral_processor(12, 1), "[IMG]", PIXTRAL_TEMPLATE, cases=("one", "two")),
    "mistral3": Model(
        "four patches a row, channel by channel; RMS norm before they are merged, no biases",
        pixtral_config(transformers.Mistral3Config, pixtral_tower(3, 40, 2, 52, 96, 8, hidden_act="silu"),
                       mistral_text(44, 4, 2, 12, 60, False, rope_parameters=rotary(1000000.0)), spatial_merge_size=2),
        pixtral_tokenizer, pixtral_pictures(8, 96), pixtral_processor(8, 2), "[IMG]", PIXTRAL_TEMPLATE),
    "mistral3-nine": Model(
        "nine patches a row; biases in the projector, GELU",
        pixtral_config(transformers.Mistral3Config, pixtral_tower(2, 36, 3, 44, 72, 4),
                       mistral_text(40, 2, 1, 20, 52, False, rope_parameters=rotary(10000.0)), spatial_merge_size=3,
                       multimodal_projector_bias=True),
        pixtral_tokenizer, pixtral_pictures(4, 72), pixtral_processor(4, 3), "[IMG]", PIXTRAL_TEMPLATE, cases=("one", "two")),
}

# --- variations ------------------------------------------------------------------------------------------------------------

OLD_DTYPE = ("dtype", "torch_dtype")


def old_dtypes(config: dict) -> None:
    for part in (config, config.get("text_config", {}), config["vision_config"]):
        if OLD_DTYPE[0] in part:
            part[OLD_DTYPE[1]] = part.pop(OLD_DTYPE[0])


def flat_qwen_config(config: dict) -> None:
    """The text part's members on top, as Qwen2-VL and Qwen2.5-VL were published."""
    old_dtypes(config)
    text = config.pop("text_config")
    turned = text.pop("rope_parameters")
    config.update({name: value for name, value in text.items() if name not in ("model_type", "layer_types", "pad_token_id", "torch_dtype")})
    config["rope_theta"] = turned["rope_theta"]
    config["rope_scaling"] = {"type": "mrope", "mrope_section": turned["mrope_section"]}
    tower = config["vision_config"]
    for member in ("model_type", "rope_parameters", "initializer_range", "torch_dtype"):
        tower.pop(member, None)
    tower |= {"in_chans": tower.pop("in_channels"), "spatial_patch_size": tower["patch_size"]}
    if config["model_type"] == "qwen2_vl":
        tower.pop("hidden_act")  # it is the class's


def old_qwen3_config(config: dict) -> None:
    old_dtypes(config)
    text = config["text_config"]
    turned = text.pop("rope_parameters")
    text["rope_theta"] = turned["rope_theta"]
    text["rope_scaling"] = {name: turned[name] for name in ("mrope_interleaved", "mrope_section", "rope_type")}
    config["vision_config"]["model_type"] = config["model_type"]
    config["vision_config"].pop("rope_parameters", None)


def old_pixtral_config(config: dict) -> None:
    old_dtypes(config)
    for part in (config["text_config"], config["vision_config"]):
        part["rope_theta"] = part.pop("rope_parameters")["rope_theta"]


def pixel_bounds(preprocessor: dict) -> None:
    size = preprocessor.pop("size")
    preprocessor |= {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}


QWEN_IN_MEMORY = (("model.", "model.language_model."), ("visual.", "model.visual."))
PIXTRAL_IN_MEMORY = (("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head."),
                     ("vision_tower.", "model.vision_tower."), ("multi_modal_projector.", "model.multi_modal_projector."))

GRID_VARIATIONS = {
    "qwen2-vl-old": Variation("qwen2-vl", "config.json with the text part's members on top and processors as folders had them before",
                              old_files=True, config=flat_qwen_config, preprocessor=pixel_bounds),
    "qwen2-vl-inside": Variation("qwen2-vl", "tensors called as in memory, behind a prefix `model.`", QWEN_IN_MEMORY),
    "qwen2.5-vl-old": Variation("qwen2.5-vl", "config.json with the text part's members on top and processors as folders had them before",
                                old_files=True, config=flat_qwen_config, preprocessor=pixel_bounds),
    "qwen3-vl-old": Variation("qwen3-vl", "config.json and processors as folders had them before", old_files=True,
                              config=old_qwen3_config),
    "qwen3-vl-moe-old": Variation("qwen3-vl-moe", "experts stored as [inputs, outputs], config.json and processors as folders had them before",
                                  old_files=True, config=old_qwen3_config,
                                  transposed=("experts.gate_up_proj", "experts.down_proj")),
    "pixtral-old": Variation("pixtral", "config.json and processors as folders had them before", old_files=True,
                             config=old_pixtral_config),
    "mistral3-old": Variation("mistral3", "config.json and processors as folders had them before", old_files=True,
                              config=old_pixtral_config),
    "mistral3-inside": Variation("mistral3", "tensors called as in memory, behind a prefix `model.`", PIXTRAL_IN_MEMORY),
}
