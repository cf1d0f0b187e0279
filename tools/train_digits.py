#!/usr/bin/env python3
"""Trains the small model that draws handwritten digits, a pipeline of the FLUX shape (diffusers' FluxPipeline).

    train_digits.py --work DIR [--out DIR] [--steps PERCENT] [--teacher DIR]

Stages, each kept in the work folder (where a training that was cut off goes on):

    vae      the autoencoder, on pictures of digits_data.py
    texts    both text encoders, as classifiers of prompts: each row of T5's and CLIP's pooled row say the digit
    teacher  the transformer, by flow matching, on what the encoders make of pictures and prompts
    pairs    what the teacher draws of noise, guided and in many steps; what isn't clearly read as the digit asked for is left out
    student  the transformer once more, on straight lines from that noise to what was drawn of it (rectified flow), so that four
             steps are enough
    save     the folder, as `save_pretrained` writes it, with training.log beside

Everything follows from SEED, in one process of one thread, about 45 minutes. Needs numpy, torch, diffusers, transformers, tokenizers,
sentencepiece, protobuf and scikit-learn.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import math
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import torch.nn.functional as F

import digits_data
from digits_pipeline import CLASSES, Conditions, Texts, Velocity, decoded, new_pipeline, save

ROOT = Path(__file__).resolve().parent.parent / "examples" / "digits"
SEED = 7
PACKAGES = ("numpy", "torch", "diffusers", "transformers", "tokenizers", "sentencepiece", "scikit-learn")


class Log:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.began = time.time()

    def __call__(self, text: str) -> None:
        line = f"{time.time() - self.began:7.0f} s  {text}"
        print(line, flush=True)
        with self.path.open("a") as file:
            file.write(line + "\n")


def keep(held, path: Path) -> None:
    """A file that is there whole or not at all."""
    torch.save(held, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


# --- training ----------------------------------------------------------------------------------------------------------


class Training:
    """Steps of AdamW on a module; the result is the average over steps of its weights. What was reached is kept every EVERY steps in
    NAME.pt of the work folder, and so is the result."""

    WARMUP, EVERY = 100, 250

    def __init__(self, name: str, module: torch.nn.Module, steps: int, rate: float, average: float, options: argparse.Namespace,
                 log: Log) -> None:
        self.name, self.module, self.rate, self.keeping, self.log = name, module, rate, average, log
        self.steps = max(1, steps * options.steps // 100)
        self.path = options.work / f"{name}.pt"
        self.generator = torch.Generator().manual_seed(SEED)
        self.average = copy.deepcopy(module).requires_grad_(False)

    def run(self, loss: Callable[[], torch.Tensor]) -> None:
        """`loss` draws from the generator only. At the end the module has the averaged weights."""
        parameters = list(self.module.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=self.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        first, total, began = self.go_on(optimizer), 0.0, time.time()
        self.module.train()
        for step in range(first, self.steps):
            for group in optimizer.param_groups:
                group["lr"] = self.rate * min(1.0, (step + 1) / self.WARMUP) * (0.01 + 0.99 * self.falling(step))
            optimizer.zero_grad(set_to_none=True)
            found = loss()
            found.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            stays = min(self.keeping, (step + 1) / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), parameters, 1 - stays)
            total += found.item()
            if (step + 1) % self.EVERY == 0 or step + 1 == self.steps:
                steps = (step - first) % self.EVERY + 1
                self.log(f"{self.name:8} step {step + 1:5} of {self.steps}  loss {total / steps:.5f}  "
                         f"{1000 * (time.time() - began) / steps:.0f} ms a step")
                keep({"step": step + 1, "module": self.module.state_dict(), "average": self.average.state_dict(),
                      "optimizer": optimizer.state_dict(), "generator": self.generator.get_state()}, self.path)
                total, began = 0.0, time.time()
        self.module.load_state_dict(self.average.state_dict())
        self.module.eval()

    def falling(self, step: int) -> float:
        """From 1 at the middle along a cosine to 0 at the end."""
        return 0.5 * (1 + math.cos(math.pi * max(0.0, 2 * step / self.steps - 1)))

    def go_on(self, optimizer: torch.optim.Optimizer) -> int:
        if not self.path.exists():
            return 0
        held = torch.load(self.path)
        self.module.load_state_dict(held["module"])
        self.average.load_state_dict(held["average"])
        optimizer.load_state_dict(held["optimizer"])
        self.generator.set_state(held["generator"])
        return held["step"]


# --- the VAE -----------------------------------------------------------------------------------------------------------

VAE_STEPS, VAE_BATCH, VAE_RATE, KL_WEIGHT = 1750, 16, 4e-3, 5e-4
COPIES, TURNED = 8, 0.6  # of each digit for the transformer, and how much they are turned and moved, of what the VAE sees


def train_vae(vae: diffusers.AutoencoderKL, fields, options: argparse.Namespace, log: Log) -> None:
    training = Training("vae", vae, VAE_STEPS, VAE_RATE, 0.99, options, log)

    def loss() -> torch.Tensor:
        chosen = torch.randint(len(fields), (VAE_BATCH,), generator=training.generator)
        pictures = digits_data.drawn(fields[chosen.numpy()], training.generator)
        posterior = vae.encode(pictures).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=training.generator)
        made = vae.decode(posterior.mean + posterior.std * noise).sample
        made = torch.where(pictures >= 1, made.clamp(max=1), made)  # whiter than white is white
        divergence = (0.5 * (posterior.mean ** 2 + posterior.var - 1 - posterior.logvar)).mean()
        return F.mse_loss(made, pictures) + KL_WEIGHT * divergence

    training.run(loss)


@torch.no_grad()
def all_latents(vae: diffusers.AutoencoderKL, fields) -> torch.Tensor:
    """Means of COPIES pictures of each field, [COPIES * N, 4, 8, 8]."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.cat([vae.encode(digits_data.drawn(fields[start:start + 100], generator, TURNED)).latent_dist.mean
                      for _ in range(COPIES) for start in range(0, len(fields), 100)])


# --- texts -------------------------------------------------------------------------------------------------------------

TEXT_STEPS, TEXT_BATCH, TEXT_RATE = 2500, 64, 2e-3
# Rows of T5's, of how many of the steps, and how many prompts a batch has. A pipeline of diffusers fills prompts up to 512 rows unless it
# is told otherwise, and nothing masks what they are filled with.
TEXT_ROWS = ((24, 0.4, 64), (32, 0.4, 64), (64, 0.1, 64), (160, 0.06, 32), (512, 0.04, 8))


def drawn_rows(generator: torch.Generator, table: tuple[tuple[int, float, int], ...]) -> tuple[int, int]:
    """Rows and batch, one line of such a table."""
    draw = torch.rand((), generator=generator).item()
    for rows, share, batch in table:
        draw -= share
        if draw < 0:
            break
    return rows, batch


def train_texts(texts: Texts, options: argparse.Namespace, log: Log) -> None:
    torch.manual_seed(SEED)
    heads = torch.nn.ModuleList([torch.nn.Linear(64, CLASSES), torch.nn.Linear(64, CLASSES)])
    training = Training("texts", torch.nn.ModuleList([texts.pipe.text_encoder, texts.pipe.text_encoder_2, heads]), TEXT_STEPS, TEXT_RATE,
                        0.99, options, log)
    prompts = digits_data.Prompts(training.generator)

    def loss() -> torch.Tensor:
        rows, batch = drawn_rows(training.generator, TEXT_ROWS)
        classes = torch.randint(CLASSES, (batch,), generator=training.generator)
        pooled, found = texts.encoded([prompts.prompt(each) for each in classes.tolist()], rows)
        return F.cross_entropy(heads[0](pooled), classes) + F.cross_entropy(heads[1](found).flatten(0, 1), classes.repeat_interleave(rows))

    training.run(loss)
    asked = [(digits_data.articles(form.format(name)), digit) for form in digits_data.UNSEEN for digit in range(10)
             for name in (digits_data.NAMES[digit], str(digit))]
    for rows in (digits_data.TOKENS, 512):
        with torch.no_grad():
            pooled, found = texts.encoded([text for text, _ in asked], rows)
        wanted = torch.tensor([digit for _, digit in asked])
        by_pooled, by_rows = heads[0](pooled).argmax(1) == wanted, (heads[1](found).argmax(2) == wanted[:, None]).float().mean(1)
        log(f"prompts of forms that weren't trained on, {rows} rows: CLIP {by_pooled.float().mean():.1%} right, T5's rows {by_rows.mean():.1%}")
        log("the first wrong ones: " + "; ".join([text for (text, _), a, b in zip(asked, by_pooled, by_rows) if not a or b < 0.5][:10]))


# --- the transformer -----------------------------------------------------------------------------------------------------

TEACHER_STEPS, TEACHER_BATCH, TEACHER_RATE, TEACHER_ROWS = 7000, 64, 2e-3, 8
UNCONDITIONAL = 0.1  # of the teacher's pictures, how many have a prompt that names no digit
PAIR_BATCHES, PAIR_BATCH, PAIR_STEPS, GUIDANCE, NEIGHBOURS = 200, 132, 20, 1.75, 5
STUDENT_STEPS, STUDENT_RATE = 6000, 1e-3
STUDENT_ROWS = ((16, 0.6, 64), (32, 0.34, 64), (128, 0.045, 32), (512, 0.015, 8))
FEW = 4  # steps that the student is trained for above all
CHOSEN = ("a handwritten {}", "a handwritten number {}", "the digit {}", "{}")  # the teacher's prompts


def teacher_conditions(texts: Texts) -> Conditions:
    """In the order of CHOSEN; without a digit, the empty prompt."""
    turn = iter(digits_data.articles(form.format(digits_data.NAMES[digit])) for digit in range(10) for form in CHOSEN)
    return Conditions(texts, lambda each: "" if each == digits_data.ANY else next(turn), {TEACHER_ROWS: len(CHOSEN)})


def train_teacher(pipe: diffusers.FluxPipeline, conditions: Conditions, latents: torch.Tensor, digits: torch.Tensor,
                  options: argparse.Namespace, log: Log) -> None:
    training = Training("teacher", pipe.transformer, TEACHER_STEPS, TEACHER_RATE, 0.999, options, log)
    generator, velocity = training.generator, Velocity(pipe.transformer)

    def loss() -> torch.Tensor:
        chosen = torch.randint(len(latents), (TEACHER_BATCH,), generator=generator)
        named = torch.rand(TEACHER_BATCH, generator=generator) >= UNCONDITIONAL
        classes = torch.where(named, digits[chosen % len(digits)], digits_data.ANY)
        noise = torch.randn(TEACHER_BATCH, *latents.shape[1:], generator=generator)
        sigma = torch.sigmoid(torch.randn(TEACHER_BATCH, generator=generator) * 1.2)
        return velocity.error(noise, latents[chosen], sigma, conditions.pick(classes, TEACHER_ROWS, generator))

    training.run(loss)


@torch.no_grad()
def draw_pairs(pipe: diffusers.FluxPipeline, conditions: Conditions, options: argparse.Namespace, log: Log) -> dict[str, torch.Tensor]:
    """Noise, what the teacher draws of it, both [N, 4, 8, 8], and classes [N]: those of which all NEIGHBOURS among the
    digits to train with are as they should be."""
    path, velocity = options.work / "pairs.pt", Velocity(pipe.transformer)
    known, digits, _, _ = digits_data.split()
    known = digits_data.darkness(digits_data.as_bytes(digits_data.drawn(known)))
    held = torch.load(path) if path.exists() else {"batches": 0, "made": 0, "noise": [], "drawn": [], "classes": []}
    for batch in range(held["batches"], max(1, PAIR_BATCHES * options.steps // 100)):
        generator = torch.Generator().manual_seed(SEED + 1000 * (batch + 1))
        classes = torch.arange(PAIR_BATCH) % CLASSES
        noise = torch.randn(PAIR_BATCH, 4, 8, 8, generator=generator)
        both = [torch.cat(pair) for pair in zip(conditions.pick(classes, TEACHER_ROWS, generator), conditions.pick(
            torch.full_like(classes, digits_data.ANY), TEACHER_ROWS, generator))]
        x, sigmas = noise, torch.linspace(1, 0, PAIR_STEPS + 1)
        for sigma, after in zip(sigmas, sigmas[1:]):
            asked, free = velocity(torch.cat([x, x]), sigma.expand(2 * PAIR_BATCH), both).chunk(2)
            x = x + (after - sigma) * (free + GUIDANCE * (asked - free))
        read = digits_data.unanimous(known, digits, digits_data.darkness(digits_data.as_bytes(decoded(pipe.vae, x))), NEIGHBOURS)
        good = (read == classes) | (read >= 0) & (classes == digits_data.ANY)
        for name, values in (("noise", noise), ("drawn", x), ("classes", classes)):
            held[name].append(values[good].clone())
        held["batches"], held["made"] = batch + 1, held["made"] + PAIR_BATCH
        if (batch + 1) % 20 == 0:
            keep(held, path)
            log(f"pairs    {sum(map(len, held['classes']))} of {held['made']} are read as what was asked for")
    if not any(map(len, held["classes"])):
        raise SystemExit("nothing that the teacher draws is read as what was asked for: more steps")
    return {name: torch.cat(held[name]) for name in ("noise", "drawn", "classes")}


def train_student(pipe: diffusers.FluxPipeline, texts: Texts, pairs: dict[str, torch.Tensor], options: argparse.Namespace,
                  log: Log) -> None:
    training = Training("student", pipe.transformer, STUDENT_STEPS, STUDENT_RATE, 0.999, options, log)
    generator, velocity = training.generator, Velocity(pipe.transformer)
    conditions = Conditions(texts, digits_data.Prompts(torch.Generator().manual_seed(SEED)).prompt, {16: 300, 32: 300, 128: 50, 512: 12})

    def loss() -> torch.Tensor:
        rows, batch = drawn_rows(generator, STUDENT_ROWS)
        chosen = torch.randint(len(pairs["classes"]), (batch,), generator=generator)
        sigma = torch.rand(batch, generator=generator)
        sigma = torch.where(torch.rand(batch, generator=generator) < 0.6, (sigma * FEW).ceil() / FEW, sigma)
        return velocity.error(pairs["noise"][chosen], pairs["drawn"][chosen], sigma,
                              conditions.pick(pairs["classes"][chosen], rows, generator))

    training.run(loss)


# --- all of it -----------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--work", type=Path, required=True, help="for what is trained so far")
    parser.add_argument("--steps", type=int, default=100, help="of each stage's steps, how many percent")
    parser.add_argument("--teacher", type=Path, help="write the teacher into this folder, too, to look at what it draws")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    log = Log(options.work / "training.log")
    fields, digits, _, _ = digits_data.split()
    clear = digits_data.clear(fields, digits)
    pipe = new_pipeline(SEED)
    log(f"{len(fields)} digits to train with, {int(clear.sum())} of them clear; versions "
        + json.dumps({package: importlib.metadata.version(package) for package in PACKAGES}))
    log("parameters: " + ", ".join(f"{name} {sum(p.numel() for p in getattr(pipe, name).parameters()):,}" for name in (
        "transformer", "vae", "text_encoder", "text_encoder_2")))
    train_vae(pipe.vae, fields, options, log)
    latents = all_latents(pipe.vae, fields[clear])
    pipe.vae.register_to_config(scaling_factor=round(1 / float(latents.std()), 4), shift_factor=round(float(latents.mean()), 4))
    log(f"latents: mean {latents.mean():.4f}, standard deviation {latents.std():.4f}")
    texts = Texts(pipe)
    train_texts(texts, options, log)
    conditions = teacher_conditions(texts)
    latents = (latents - pipe.vae.config.shift_factor) * pipe.vae.config.scaling_factor
    train_teacher(pipe, conditions, latents, torch.from_numpy(digits[clear]), options, log)
    if options.teacher:
        save(pipe, options.teacher)
    train_student(pipe, texts, draw_pairs(pipe, conditions, options, log), options, log)
    log("done")
    save(pipe, options.out)
    (options.out / "training.log").write_text((options.work / "training.log").read_text())


if __name__ == "__main__":
    main()
