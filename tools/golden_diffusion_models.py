"""The tiny pipelines that tools/make_diffusion_golden.py records. What each one shows is a mistake that it would catch."""

from __future__ import annotations

import dataclasses

import diffusers
import transformers

import diffusion_tokenizers

WORDS = ("the", "a", "picture", "of", "red", "blue", "green", "round", "square", "handwritten", "seven", "three", "with", "and",
         "on", "under", "small", "large", "fox", "cat", "house", "hill", "morning", "light", "painted", "old", "map", "river")
LINES = [" ".join(WORDS[(i * 7 + j * (i % 5 + 1)) % len(WORDS)] for j in range(6)) for i in range(400)]
LINES += ["A photograph, 4k: 'the cat's house' (1987) - 50% off!", "The Quick Brown Fox 0123456789"] * 10

# What the tokenizers make of these is recorded too.
TEXTS = ("the red fox", " The  RED\tfox ", "don't, it's a fox's", "1987 4k 50%", "\ufb01ne\u2122 \uff21 e\u0301 \u00e9\u3000x",
         "\u6f22\u5b57 \U0001f98a fox", "the</s>fox <pad> <extra_id_1> <extra_id_0>", "a <|endoftext|> fox <|startoftext|> cat",
         "zq" * 9, "the\u200bfox\nfox", "")

LONG = "a large handwritten seven, painted on an old square map with the round house under the green hill and the small blue river"


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of a pipeline. `kind` is its name less Flux and Pipeline."""

    name: str
    prompt: str
    width: int
    height: int
    steps: int
    kind: str = ""
    guidance: float = 3.5
    tokens: int = 24  # of T5's
    strength: float = 1.0
    picture: str = ""  # of golden_picture_models.PICTURES
    mask: str = ""
    sampled: bool = True  # the VAE's sample of the picture; else its mode


@dataclasses.dataclass(frozen=True)
class Model:
    shows: str
    transformer: dict
    vae: dict
    clip: dict
    t5: dict
    scheduler: dict
    clip_length: int
    extra_ids: int
    cases: tuple[Case, ...]
    patches: tuple[int, int]  # rows and columns of the transformer's and the VAE's own records


@dataclasses.dataclass(frozen=True)
class Variation:
    """The folder of a model with other small files, other names and several weight files: the same weights."""

    model: str
    shows: str
    shard_bytes: dict[str, int]  # of the parts in several files


def blocks(kind: str, levels: int) -> list[str]:
    return [f"{kind}Block2D"] * levels


def vae(channels: tuple[int, ...], **rest) -> dict:
    return dict(block_out_channels=channels, down_block_types=blocks("DownEncoder", len(channels)),
                up_block_types=blocks("UpDecoder", len(channels)), sample_size=64) | rest


MODELS: dict[str, Model] = {
    "dev": Model(
        "guidance, schedule by the picture's size, four levels of the VAE, the end token by the highest id, gated GELU",
        transformer=dict(in_channels=64, num_layers=2, num_single_layers=2, num_attention_heads=3, attention_head_dim=20,
                         joint_attention_dim=28, pooled_projection_dim=24, guidance_embeds=True, axes_dims_rope=(4, 6, 10)),
        vae=vae((8, 12, 16, 20), layers_per_block=2, norm_num_groups=4, latent_channels=16, scaling_factor=0.3611,
                shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        clip=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, eos_token_id=2),
        t5=dict(d_model=28, d_kv=10, num_heads=3, d_ff=44, num_layers=3, feed_forward_proj="gated-gelu",
                tie_word_embeddings=False),
        scheduler=dict(shift=3.0, use_dynamic_shifting=True),
        clip_length=20, extra_ids=100, patches=(3, 5), cases=(
            Case("square", "the red fox", 48, 48, 3),
            Case("wide", "a handwritten seven", 112, 48, 4, guidance=7.0),
            Case("long", LONG, 48, 80, 2, tokens=18),
            Case("empty", "", 48, 48, 2, guidance=1.0),
            Case("floored", "Old map & river", 75, 60, 1),
            Case("picture", "a blue house", 80, 48, 5, "Img2Img", strength=0.7, picture="wide"),
            Case("picture-mode", "a blue house", 80, 48, 5, "Img2Img", strength=0.45, picture="wide", sampled=False),
            Case("mask", "a green hill", 80, 48, 4, "Inpaint", strength=0.6, picture="square", mask="other"))),
    "schnell": Model(
        "no guidance, the schedule as it is, three levels of the VAE with 1 x 1 convolutions at the latents, the end token by its "
        "id, ungated ReLU, buckets that end early",
        transformer=dict(in_channels=16, num_layers=1, num_single_layers=3, num_attention_heads=5, attention_head_dim=12,
                         joint_attention_dim=36, pooled_projection_dim=20, guidance_embeds=False, axes_dims_rope=(2, 6, 4)),
        vae=vae((12, 18, 24), layers_per_block=1, norm_num_groups=6, latent_channels=4, scaling_factor=0.8, shift_factor=-0.1),
        clip=dict(hidden_size=20, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, hidden_act="gelu"),
        t5=dict(d_model=36, d_kv=6, num_heads=4, d_ff=52, num_layers=2, feed_forward_proj="relu",
                relative_attention_num_buckets=12, relative_attention_max_distance=30),
        scheduler=dict(shift=1.0),
        clip_length=24, extra_ids=4, patches=(5, 3), cases=(
            Case("tall", "a small cat", 24, 56, 4, guidance=0.0),
            Case("once", "the round light", 40, 24, 1),
            Case("long", LONG, 40, 40, 2, tokens=12),
            Case("picture", "the morning", 40, 56, 4, "Img2Img", strength=0.6, picture="tall"),
            Case("mask", "the morning", 56, 40, 4, "Inpaint", strength=1.0, picture="wide", mask="square"))),
}

VARIATIONS: dict[str, Variation] = {
    "dev-old": Variation("dev", "older files of the tokenizers, text_model. before CLIP's names, weights in several files, members "
                                "of the configs left out", {"text_encoder_2": 60_000, "transformer": 700_000}),
}


def pipeline(model: Model) -> diffusers.FluxPipeline:
    """With weights of no account."""
    clip_tokenizer = diffusion_tokenizers.clip(LINES, 90, model.clip_length)
    t5_tokenizer = diffusion_tokenizers.t5(spiece(), model.extra_ids, 512)
    start, end = (clip_tokenizer.convert_tokens_to_ids(token) for token in diffusion_tokenizers.CLIP_ENDS)
    clip_config = transformers.CLIPTextConfig(**(dict(
        vocab_size=len(clip_tokenizer), max_position_embeddings=model.clip_length, bos_token_id=start, eos_token_id=end,
        pad_token_id=1) | model.clip))
    t5_config = transformers.T5Config(vocab_size=len(t5_tokenizer) + 4, **model.t5)
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**model.scheduler), vae=diffusers.AutoencoderKL(**model.vae),
        text_encoder=transformers.CLIPTextModel(clip_config).eval(), tokenizer=clip_tokenizer,
        text_encoder_2=transformers.T5EncoderModel(t5_config).eval(), tokenizer_2=t5_tokenizer,
        transformer=diffusers.FluxTransformer2DModel(**model.transformer))


def spiece() -> bytes:
    return diffusion_tokenizers.spiece(LINES, 150)


# Settings of schedulers whose steps are recorded, and the pictures' counts of patches.
SCHEDULES: dict[str, dict] = {
    "dev": dict(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256,
                max_image_seq_len=4096),
    "schnell": dict(shift=1.0, use_dynamic_shifting=False),
    "shift 3": dict(shift=3.0, use_dynamic_shifting=False),
    "linear": dict(use_dynamic_shifting=True, base_shift=0.7, max_shift=2.0, base_image_seq_len=64, max_image_seq_len=1024,
                   time_shift_type="linear"),
    "terminal": dict(use_dynamic_shifting=True, shift_terminal=0.02),
}
PATCHES = (15, 1024, 4096, 16384)
STEPS = (1, 2, 4, 28)
STRENGTHS = (0.0, 0.02, 0.3, 0.45, 0.55, 0.6, 0.7, 0.8, 0.95, 1.0)
