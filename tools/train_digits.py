#!/usr/bin/env python3
"""Trains the small model that draws handwritten digits, a pipeline of the FLUX shape (diffusers' FluxPipeline).

    train_digits.py --work DIR [--out DIR] [--steps N] [--save]

First the VAE, then the transformer together with both text encoders, on pictures and prompts of digits_data.py. Everything follows from
SEED. Two processes of one thread each, about 6 minutes of processor time for each and 4 before, for the VAE. The folder is as
`save_pretrained` writes it, with training.log beside; the work folder keeps what was trained so far: the VAE, which is taken from there, and every
250 steps the rest.

Needs numpy, torch, diffusers, transformers, tokenizers, sentencepiece, protobuf and scikit-learn.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
import warnings
from pathlib import Path

import diffusers
import torch
import torch.distributed as distributed
import torch.multiprocessing
import torch.nn.functional as F
import transformers

import diffusion_tokenizers
import digits_data
import golden_record

ROOT = Path(__file__).resolve().parent.parent / "examples" / "digits"
SEED = 7
COPIES, TURNED = 6, 0.6  # of each digit for the transformer, and how much they are turned and moved, of what the VAE sees
VAE_STEPS, VAE_BATCH, VAE_RATE, KL_WEIGHT = 1000, 12, 4e-3, 3e-4
STEPS, BATCH, RATE, WARMUP, FALL = 3000, 32, 3e-3, 100, 0.3  # a batch of each process; the last part of the steps has a falling rate
PROCESSES = 2
AVERAGE = 0.998  # of what is averaged over steps, what stays each step
# Most prompts are short; a pipeline fills them up to its max_sequence_length (512 unless it is told otherwise), and nothing masks that.
TOKENS, LONG_TOKENS = (8, 10, 12), (64, 160, 512)
LONG_FROM, LONG_SHARE, LONG_ROWS = 0.5, 0.06, 528  # long fillings: from which part of the steps on, how many of them, rows a batch
LOWER = tuple((chr(code), chr(code + 32)) for code in range(ord("A"), ord("Z") + 1))


class Log:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.began = time.time()

    def __call__(self, text: str) -> None:
        line = f"{time.time() - self.began:7.0f} s  {text}"
        print(line, flush=True)
        with self.path.open("a") as file:
            file.write(line + "\n")


# --- the pipeline ------------------------------------------------------------------------------------------------------


def new_pipeline() -> diffusers.FluxPipeline:
    torch.manual_seed(SEED)
    lines = digits_data.lines()
    rules = tuple(rule for rule in diffusion_tokenizers.RULES if rule[1] not in ("A", "TM")) + LOWER
    clip_tokenizer = diffusion_tokenizers.clip(lines, 220, 77)
    t5_tokenizer = diffusion_tokenizers.t5(diffusion_tokenizers.spiece(lines, 320, rules), 0, 512)
    start, end = (clip_tokenizer.convert_tokens_to_ids(token) for token in diffusion_tokenizers.CLIP_ENDS)
    clip_config = transformers.CLIPTextConfig(
        vocab_size=len(clip_tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, bos_token_id=start, eos_token_id=end, pad_token_id=end, projection_dim=64)
    t5_config = transformers.T5Config(vocab_size=len(t5_tokenizer), d_model=64, d_kv=16, num_heads=4, d_ff=128, num_layers=2,
                                      feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0)
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(8, 8, 16, 16),
        layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=digits_data.SIZE, scaling_factor=1.0, shift_factor=0.0,
        use_quant_conv=False, use_post_quant_conv=False, force_upcast=False)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=3, num_attention_heads=2, attention_head_dim=32, joint_attention_dim=64,
        pooled_projection_dim=64, guidance_embeds=False, axes_dims_rope=(8, 12, 12))
    for name, parameter in transformer.named_parameters():  # blocks begin as identities, the output as zero
        if name.endswith(("norm1.linear.weight", "norm1_context.linear.weight", "norm.linear.weight", "norm_out.linear.weight",
                          "proj_out.weight")) and (not name.startswith("single") or ".norm." in name):
            torch.nn.init.zeros_(parameter)
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0), vae=vae, text_encoder=transformers.CLIPTextModel(clip_config),
        tokenizer=clip_tokenizer, text_encoder_2=transformers.T5EncoderModel(t5_config), tokenizer_2=t5_tokenizer,
        transformer=transformer)


def rate_at(step: int, steps: int, fall: float) -> float:
    """Of the highest one: it rises at first, and falls along a cosine in the last part of the steps."""
    fallen = max(0.0, 1 - (steps - step) / (fall * steps))
    return min(1.0, (step + 1) / WARMUP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fallen)))


def advance(optimizer: torch.optim.Optimizer, loss: torch.Tensor, parameters: list, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if distributed.is_initialized():
        gradients = torch.cat([parameter.grad.reshape(-1) for parameter in parameters])
        distributed.all_reduce(gradients)
        for parameter, part in zip(parameters, gradients.div_(distributed.get_world_size()).split([p.numel() for p in parameters])):
            parameter.grad.copy_(part.view_as(parameter))
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


# --- the VAE -----------------------------------------------------------------------------------------------------------


def train_vae(vae: diffusers.AutoencoderKL, fields, generator: torch.Generator, log: Log) -> None:
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=VAE_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    vae.train()
    sums = [0.0, 0.0]
    for step in range(VAE_STEPS):
        chosen = torch.randint(len(fields), (VAE_BATCH,), generator=generator)
        pictures = digits_data.drawn(fields[chosen.numpy()], generator)
        posterior = vae.encode(pictures).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator)
        error = F.mse_loss(vae.decode(posterior.mean + posterior.std * noise).sample, pictures)
        divergence = (0.5 * (posterior.mean ** 2 + posterior.var - 1 - posterior.logvar)).mean()
        advance(optimizer, error + KL_WEIGHT * divergence, parameters, VAE_RATE * rate_at(step, VAE_STEPS, 1.0))
        sums = [sums[0] + error.item(), sums[1] + divergence.item()]
        if (step + 1) % 100 == 0:
            log(f"VAE  step {step + 1:5}  squared error {sums[0] / 100:.5f}  divergence {sums[1] / 100:.3f}")
            sums = [0.0, 0.0]
    vae.eval()


@torch.no_grad()
def all_latents(vae: diffusers.AutoencoderKL, fields, copies: int, generator: torch.Generator) -> tuple[torch.Tensor, float, float]:
    """Means of `copies` pictures of each field, [copies * N, 4, 8, 8], and their mean and deviation."""
    parts = []
    for _ in range(copies):
        for start in range(0, len(fields), 100):
            parts.append(vae.encode(digits_data.drawn(fields[start:start + 100], generator, TURNED)).latent_dist.mean)
    latents = torch.cat(parts)
    return latents, float(latents.mean()), float(latents.std())


# --- transformer and text encoders -----------------------------------------------------------------------------------------


class Texts:
    """Prompts as both encoders take them; ids are kept."""

    def __init__(self, pipe: diffusers.FluxPipeline) -> None:
        self.pipe = pipe
        self.known: dict[str, tuple[list[int], list[int]]] = {}

    def ids(self, prompts: list[str], tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        for prompt in prompts:
            if prompt not in self.known:
                self.known[prompt] = (self.pipe.tokenizer(prompt, truncation=True, max_length=77).input_ids,
                                      self.pipe.tokenizer_2(prompt).input_ids)
        pair = [self.known[prompt] for prompt in prompts]
        longest = max(len(ids) for ids, _ in pair)  # what follows the end token changes nothing
        end = self.pipe.tokenizer.eos_token_id
        clip = [ids + [end] * (longest - len(ids)) for ids, _ in pair]
        t5 = [(ids if len(ids) <= tokens else ids[:tokens - 1] + [1]) + [0] * (tokens - len(ids)) for _, ids in pair]
        return torch.tensor(clip), torch.tensor(t5)


def modules(pipe: diffusers.FluxPipeline) -> torch.nn.ModuleList:
    """What is trained together."""
    return torch.nn.ModuleList([pipe.transformer, pipe.text_encoder, pipe.text_encoder_2])


class Trainer:
    def __init__(self, pipe: diffusers.FluxPipeline, latents: torch.Tensor, digits: torch.Tensor, generator: torch.Generator,
                 kept: Path) -> None:
        self.pipe, self.latents, self.digits, self.generator, self.kept = pipe, latents, digits, generator, kept
        self.texts, self.prompts = Texts(pipe), digits_data.Prompts(SEED + distributed.get_rank())
        self.modules = modules(pipe)
        self.average = copy.deepcopy(self.modules)
        side = latents.shape[-1] // 2
        self.image_ids = diffusers.FluxPipeline._prepare_latent_image_ids(1, side, side, "cpu", torch.float32)

    def loss(self, count: int, tokens: int) -> torch.Tensor:
        chosen = torch.randint(len(self.latents), (count,), generator=self.generator)
        clean = self.latents[chosen]
        clip, t5 = self.texts.ids([self.prompts.prompt(int(self.digits[int(i) % len(self.digits)])) for i in chosen], tokens)
        pooled = self.pipe.text_encoder(clip).pooler_output
        rows = self.pipe.text_encoder_2(t5)[0]
        noise = torch.randn(clean.shape, generator=self.generator)
        sigma = torch.sigmoid(torch.randn(count, generator=self.generator) * 1.2)
        mixed = sigma.view(-1, 1, 1, 1) * noise + (1 - sigma.view(-1, 1, 1, 1)) * clean
        pack = lambda x: diffusers.FluxPipeline._pack_latents(x, count, x.shape[1], *x.shape[2:])  # noqa: E731
        found = self.pipe.transformer(hidden_states=pack(mixed), encoder_hidden_states=rows, pooled_projections=pooled, timestep=sigma,
                                      img_ids=self.image_ids, txt_ids=torch.zeros(tokens, 3)).sample
        return F.mse_loss(found, pack(noise - clean))

    def train(self, steps: int, log: Log) -> None:
        """In each process on pictures of its own; all take the same step, by the mean of their gradients."""
        parameters = list(self.modules.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        sizes_generator = torch.Generator().manual_seed(SEED)  # the same in all
        total = 0.0
        for step in range(steps):
            draw = torch.rand(2, generator=sizes_generator).tolist()
            long = step > LONG_FROM * steps and draw[0] < LONG_SHARE
            sizes = LONG_TOKENS if long else TOKENS
            tokens = sizes[int(draw[1] * len(sizes))]
            loss = self.loss(min(BATCH, LONG_ROWS // tokens) if long else BATCH, tokens)
            advance(optimizer, loss, parameters, RATE * rate_at(step, steps, FALL))
            keep = min(AVERAGE, (step + 1) / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), parameters, 1 - keep)
            total += loss.item()
            if (step + 1) % 250 == 0:
                log(f"step {step + 1:5}  squared error of the velocity {total / 250:.4f}")
                if distributed.get_rank() == 0:
                    torch.save(self.average.state_dict(), self.kept)
                total = 0.0
        if distributed.get_rank() == 0:
            torch.save(self.average.state_dict(), self.kept)


# --- all of it -----------------------------------------------------------------------------------------------------------


def save(pipe: diffusers.FluxPipeline, out: Path) -> None:
    """Transformer and VAE in F16. The text encoders stay in F32: diffusers widens its own parts when it reads them, and not those of
    transformers, and then they don't fit together."""
    half = {name: copy.deepcopy(getattr(pipe, name)).half() for name in ("transformer", "vae")}
    diffusers.FluxPipeline(**(dict(pipe.components) | half)).save_pretrained(out)


def prepare(options: argparse.Namespace, log: Log) -> None:
    """The VAE, and what it makes of all pictures, into the work folder."""
    fields, digits, _, _ = digits_data.split()
    clear = digits_data.clear(fields, digits)
    log(f"{len(fields)} digits to train with, {int(clear.sum())} of them clear; versions "
        + json.dumps(golden_record.versions("numpy", "torch", "diffusers", "transformers", "tokenizers", "sentencepiece", "scikit-learn")))
    pipe = new_pipeline()
    log("parameters: " + ", ".join(f"{name} {sum(p.numel() for p in getattr(pipe, name).parameters()):,}" for name in (
        "transformer", "vae", "text_encoder", "text_encoder_2")))
    generator = torch.Generator().manual_seed(SEED)
    kept = options.work / "vae.pt"
    if kept.exists():
        pipe.vae.load_state_dict(torch.load(kept))
        pipe.vae.eval()
    else:
        train_vae(pipe.vae, fields, generator, log)
        torch.save(pipe.vae.state_dict(), kept)
    latents, mean, deviation = all_latents(pipe.vae, fields[clear], COPIES, generator.manual_seed(SEED + 1))
    log(f"latents: mean {mean:.4f}, standard deviation {deviation:.4f}")
    torch.save({"latents": latents, "digits": torch.from_numpy(digits[clear]), "shift": round(mean, 4), "scale": round(1 / deviation, 4)},
               options.work / "latents.pt")


def train(rank: int, options: argparse.Namespace, log: Log) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{options.work.resolve()}/meeting", rank=rank, world_size=PROCESSES)
    trainer = Trainer(*prepared(options), torch.Generator().manual_seed(SEED + 2 + rank), options.work / "average.pt")
    trainer.train(options.steps, log if rank == 0 else lambda _: None)
    distributed.destroy_process_group()


def prepared(options: argparse.Namespace) -> tuple[diffusers.FluxPipeline, torch.Tensor, torch.Tensor]:
    """The pipeline as it is before its transformer is trained, latents as the transformer sees them, and their digits."""
    pipe = new_pipeline()
    pipe.vae.load_state_dict(torch.load(options.work / "vae.pt"))
    held = torch.load(options.work / "latents.pt")
    pipe.vae.register_to_config(scaling_factor=held["scale"], shift_factor=held["shift"])
    return pipe, (held["latents"] - held["shift"]) * held["scale"], held["digits"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--work", type=Path, required=True, help="for what is trained so far")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rank", type=int, help="be one of the processes that train, which are started by hand")
    parser.add_argument("--save", action="store_true", help="only write the folder, of what the work folder holds")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.rank is not None:
        train(options.rank, options, Log(options.work / "training.log"))
        return
    if not options.save:
        log = Log(options.work / "training.log")
        prepare(options, log)
        (options.work / "meeting").unlink(missing_ok=True)
        torch.multiprocessing.spawn(train, (options, log), PROCESSES)
        log("done")
    pipe, _, _ = prepared(options)
    modules(pipe).load_state_dict(torch.load(options.work / "average.pt"))
    save(pipe, options.out)
    (options.out / "training.log").write_text((options.work / "training.log").read_text())


if __name__ == "__main__":
    main()
