"""The pipeline of the FLUX shape that draws handwritten digits (tools/train_digits.py), and its parts as functions.

Needs torch, diffusers, transformers, tokenizers, sentencepiece and protobuf.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import torch.nn.functional as F
import transformers

import diffusion_tokenizers
import digits_data

CLASSES = digits_data.ANY + 1
LOWER = tuple((chr(code), chr(code + 32)) for code in range(ord("A"), ord("Z") + 1))


def new_pipeline(seed: int) -> diffusers.FluxPipeline:
    """With weights as training begins."""
    torch.manual_seed(seed)
    lines = digits_data.lines()
    rules = tuple(rule for rule in diffusion_tokenizers.RULES if rule[1] not in ("A", "TM")) + LOWER
    clip_tokenizer = diffusion_tokenizers.clip(lines, 220, 77)
    t5_tokenizer = diffusion_tokenizers.t5(diffusion_tokenizers.spiece(lines, 320, rules), 0, digits_data.TOKENS)
    start, end = (clip_tokenizer.convert_tokens_to_ids(token) for token in diffusion_tokenizers.CLIP_ENDS)
    clip_config = transformers.CLIPTextConfig(
        vocab_size=len(clip_tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, bos_token_id=start, eos_token_id=end, pad_token_id=end, projection_dim=64)
    t5_config = transformers.T5Config(vocab_size=len(t5_tokenizer), d_model=64, d_kv=16, num_heads=4, d_ff=128, num_layers=2,
                                      feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0)
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(8, 16, 16, 32),
        layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=digits_data.SIZE, scaling_factor=1.0, shift_factor=0.0,
        use_quant_conv=False, use_post_quant_conv=False, force_upcast=False)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=3, num_attention_heads=3, attention_head_dim=32, joint_attention_dim=64,
        pooled_projection_dim=64, guidance_embeds=False, axes_dims_rope=(8, 12, 12))
    for name, parameter in transformer.named_parameters():  # blocks begin as identities, the output as zero
        if name.endswith(("norm1.linear.weight", "norm1_context.linear.weight", "norm.linear.weight", "norm_out.linear.weight",
                          "proj_out.weight")) and (not name.startswith("single") or ".norm." in name):
            torch.nn.init.zeros_(parameter)
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0), vae=vae, text_encoder=transformers.CLIPTextModel(clip_config),
        tokenizer=clip_tokenizer, text_encoder_2=transformers.T5EncoderModel(t5_config), tokenizer_2=t5_tokenizer,
        transformer=transformer)


def save(pipe: diffusers.FluxPipeline, out: Path) -> None:
    """Transformer and VAE in F16. The text encoders stay in F32: diffusers widens its own parts when it reads them, and not those of
    transformers, and then they don't fit together."""
    half = {name: copy.deepcopy(getattr(pipe, name)).half() for name in ("transformer", "vae")}
    diffusers.FluxPipeline(**(dict(pipe.components) | half)).save_pretrained(out)


# --- parts -----------------------------------------------------------------------------------------------------------------


class Texts:
    """Prompts as both encoders take them."""

    def __init__(self, pipe: diffusers.FluxPipeline) -> None:
        self.pipe = pipe

    def ids(self, prompts: list[str], rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        pair = [self.pipe.tokenizer(prompts, truncation=True, max_length=77).input_ids, self.pipe.tokenizer_2(prompts).input_ids]
        longest = max(map(len, pair[0]))  # what follows the end token changes nothing
        end = self.pipe.tokenizer.eos_token_id
        clip = [ids + [end] * (longest - len(ids)) for ids in pair[0]]
        t5 = [(ids if len(ids) <= rows else ids[:rows - 1] + [1]) + [0] * (rows - len(ids)) for ids in pair[1]]
        return torch.tensor(clip), torch.tensor(t5)

    def encoded(self, prompts: list[str], rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """CLIP's pooled row [N, 64] and T5's rows [N, rows, 64]."""
        clip, t5 = self.ids(prompts, rows)
        return self.pipe.text_encoder(clip).pooler_output, self.pipe.text_encoder_2(t5)[0]


class Conditions:
    """What the encoders make of prompts, `count` of each class and for each number of rows, to pick from."""

    @torch.no_grad()
    def __init__(self, texts: Texts, prompts: Callable[[int], str], counts: dict[int, int]) -> None:
        self.held = {}
        for rows, count in counts.items():
            parts = [texts.encoded([prompts(each) for _ in range(count)], rows) for each in range(CLASSES)]
            self.held[rows] = tuple(torch.stack(part) for part in zip(*parts))

    def pick(self, classes: torch.Tensor, rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        pooled, found = self.held[rows]
        which = torch.randint(pooled.shape[1], (len(classes),), generator=generator)
        return pooled[classes, which], found[classes, which]


class Velocity:
    """The transformer as a function of latents [N, 4, 8, 8]."""

    def __init__(self, transformer: diffusers.FluxTransformer2DModel) -> None:
        self.transformer = transformer
        self.ids = diffusers.FluxPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)

    def __call__(self, latents: torch.Tensor, sigma: torch.Tensor, condition: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        pooled, rows = condition
        found = self.transformer(
            hidden_states=diffusers.FluxPipeline._pack_latents(latents, *latents.shape), encoder_hidden_states=rows,
            pooled_projections=pooled, timestep=sigma, img_ids=self.ids, txt_ids=torch.zeros(rows.shape[1], 3)).sample
        return found.view(-1, 4, 4, 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(latents.shape)

    def error(self, noise: torch.Tensor, clean: torch.Tensor, sigma: torch.Tensor, condition) -> torch.Tensor:
        mix = sigma.view(-1, 1, 1, 1)
        return F.mse_loss(self(mix * noise + (1 - mix) * clean, sigma, condition), noise - clean)


def decoded(vae: diffusers.AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(latents / vae.config.scaling_factor + vae.config.shift_factor).sample
