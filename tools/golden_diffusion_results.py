"""What tools/make_diffusion_golden.py records of a pipeline: of each part by itself, and of whole pictures."""

from __future__ import annotations

import contextlib
from pathlib import Path

import diffusers
import numpy as np
import torch

import counted_values
from diffusers.models.autoencoders import vae as vae_module
from diffusers.pipelines.flux import pipeline_flux, pipeline_flux_img2img, pipeline_flux_inpaint
from golden_diffusion_models import PATCHES, SCHEDULES, STEPS, STRENGTHS, TEXTS, Case, Model
from golden_picture_results import Store, picture
from golden_record import Array

DRAWS = (vae_module, pipeline_flux, pipeline_flux_img2img, pipeline_flux_inpaint)
NORMAL = 3.46410162  # the spread of values with a standard deviation of 1
SEED = 1


def exact(values) -> list[float]:
    """Floats in the fewest digits that give them back."""
    return [float(str(np.float32(value))) for value in np.asarray(values).reshape(-1)]


# --- arrays ------------------------------------------------------------------------------------------------------------


class Made:
    """Inputs that are made (counted_values.py), and how they are described."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def __call__(self, name: str, shape: tuple[int, ...], spread: float = NORMAL) -> tuple[torch.Tensor, dict]:
        name = f"{self.owner} {name}"
        values = counted_values.values(SEED, name, shape, 0.0, spread)
        return torch.from_numpy(values), {"made": name, "shape": list(shape), "seed": SEED, "spread": spread}


class Tap:
    """Outputs of modules while a pipeline runs: all outputs of each, in order."""

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self.taken: dict[str, list] = {name: [] for name in modules}
        self.hooks = [module.register_forward_hook(self.hook(name)) for name, module in modules.items()]

    def hook(self, name: str):
        def take(_, __, output) -> None:
            parts = [part[0] for part in (output if isinstance(output, tuple) else (output,)) if torch.is_tensor(part)]
            rows = [part for part in parts if part.ndim == parts[0].ndim]  # T5's blocks hand their bias on, too
            self.taken[name].append(torch.cat(rows).double().numpy())
        return take

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_) -> None:
        for hook in self.hooks:
            hook.remove()


def keep(store: Store, single: dict[str, Array], double: dict[str, Array], at_most: dict[str, int]) -> dict:
    """Arrays as float32 makes them, with the largest difference from float64, of the largest number."""
    out = {}
    for name, values in single.items():
        scale = np.abs(values).max()
        difference = np.abs(values - double[name]).max() / scale if scale else 0.0
        if difference > 2e-5:
            raise SystemExit(f"{name}: float32 and float64 differ by {difference:.1e}")
        out[name] = store.keep(values, at_most.get(name, at_most[""])) | {"difference": float(f"{difference:.1e}")}
    return out


def in_both(pipe: diffusers.FluxPipeline, arrays_of) -> tuple[dict[str, Array], dict[str, Array]]:
    single = arrays_of(pipe.to(torch.float32))
    double = arrays_of(pipe.to(torch.float64))
    pipe.to(torch.float32)
    return single, double


# --- parts -------------------------------------------------------------------------------------------------------------


def texts_record(pipe: diffusers.FluxPipeline) -> list[dict]:
    """The ids of both, neither cut nor filled up."""
    return [{"text": text, "clip_ids": pipe.tokenizer(text).input_ids, "t5_ids": pipe.tokenizer_2(text).input_ids} for text in TEXTS]


@torch.no_grad()
def t5_record(name: str, pipe: diffusers.FluxPipeline, store: Store) -> dict:
    encoder = pipe.text_encoder_2
    ids = counted_values.numbers(SEED, f"{name} ids", 300, encoder.config.vocab_size)

    def arrays_of(_) -> dict[str, Array]:
        with Tap({"block_0": encoder.encoder.block[0], "rows": encoder.encoder.final_layer_norm}) as tap:
            encoder(torch.tensor([ids]))
        return {key: taken[0] for key, taken in tap.taken.items()}

    return {"ids": ids} | keep(store, *in_both(pipe, arrays_of), {"": 600})


@torch.no_grad()
def clip_record(pipe: diffusers.FluxPipeline, store: Store, prompt: str) -> dict:
    encoder = pipe.text_encoder
    ids = pipe.tokenizer(prompt, padding="max_length", max_length=pipe.tokenizer_max_length, truncation=True).input_ids

    def arrays_of(_) -> dict[str, Array]:
        with Tap({"layer_0": encoder.encoder.layers[0], "rows": encoder.final_layer_norm}) as tap:
            pooled = encoder(torch.tensor([ids])).pooler_output
        return {key: taken[0] for key, taken in tap.taken.items()} | {"pooled": pooled[0].double().numpy()}

    return {"prompt": prompt, "ids": ids} | keep(store, *in_both(pipe, arrays_of), {"": 600})


@torch.no_grad()
def transformer_record(name: str, pipe: diffusers.FluxPipeline, store: Store, patches: tuple[int, int]) -> dict:
    net = pipe.transformer
    rows, columns = patches
    made = Made(f"{name} transformer")
    inputs, described = {}, {}
    for argument, shape in (("hidden_states", (rows * columns, net.config.in_channels)),
                            ("encoder_hidden_states", (7, net.config.joint_attention_dim)),
                            ("pooled_projections", (net.config.pooled_projection_dim,))):
        values, described[argument] = made(argument, shape)
        inputs[argument] = values[None]
    sigma, guidance = 0.8125, 3.5
    ids = diffusers.FluxPipeline._prepare_latent_image_ids(1, rows, columns, "cpu", torch.float32)

    def arrays_of(pipe) -> dict[str, Array]:
        dtype = pipe.transformer.dtype
        with Tap({"conditioning": net.time_text_embed, "double_0": net.transformer_blocks[0],
                  "doubles": net.transformer_blocks[-1], "single_0": net.single_transformer_blocks[0]}) as tap:
            output = net(**{key: value.to(dtype) for key, value in inputs.items()}, timestep=torch.tensor([sigma]),
                         guidance=torch.tensor([guidance]) if net.config.guidance_embeds else None, img_ids=ids,
                         txt_ids=torch.zeros(7, 3)).sample
        return {key: taken[0] for key, taken in tap.taken.items()} | {"output": output[0].double().numpy()}

    return {"rows": rows, "columns": columns, "sigma": sigma, "guidance": guidance, "inputs": described} | keep(
        store, *in_both(pipe, arrays_of), {"": 700})


@torch.no_grad()
def vae_record(name: str, pipe: diffusers.FluxPipeline, store: Store, patches: tuple[int, int]) -> dict:
    vae = pipe.vae
    made = Made(f"{name} vae")
    rows, columns = (2 * count for count in patches)
    scale = pipe.vae_scale_factor
    latents, latents_described = made("latents", (vae.config.latent_channels, rows, columns))
    pixels, pixels_described = made("pixels", (3, rows * scale, columns * scale), 1.0)

    def decoded(_) -> dict[str, Array]:
        with Tap({"mid": vae.decoder.mid_block, "up_0": vae.decoder.up_blocks[0], "output": vae.decoder}) as tap:
            vae.decode(latents[None].to(vae.dtype))
        return {key: taken[0] for key, taken in tap.taken.items()}

    def encoded(_) -> dict[str, Array]:
        with Tap({"down_0": vae.encoder.down_blocks[0], "mid": vae.encoder.mid_block}) as tap:
            moments = vae.encode(pixels[None].to(vae.dtype)).latent_dist.parameters
        return {key: taken[0] for key, taken in tap.taken.items()} | {"moments": moments[0].double().numpy()}

    limits = {"": 400, "output": 900, "moments": 900}
    return {"decode": {"latents": latents_described} | keep(store, *in_both(pipe, decoded), limits),
            "encode": {"pixels": pixels_described} | keep(store, *in_both(pipe, encoded), limits)}


# --- pictures ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def drawing(values: list[torch.Tensor]):
    """The draws of a pipeline are these, in their order; another one, of which nothing may depend, is zero."""
    left = list(values)

    def draw(shape, generator=None, device=None, dtype=None, layout=None) -> torch.Tensor:
        value = left.pop(0) if left else torch.zeros(shape)
        if value.shape != torch.Size(shape):
            raise SystemExit(f"a draw of {tuple(shape)} instead of {tuple(value.shape)}")
        return value.to(dtype)

    before = [module.randn_tensor for module in DRAWS]
    for module in DRAWS:
        module.randn_tensor = draw
    try:
        yield
    finally:
        for module, function in zip(DRAWS, before):
            module.randn_tensor = function
    if left:
        raise SystemExit("draws that nobody wanted")


def latent_shape(pipe: diffusers.FluxPipeline, case: Case) -> tuple[int, ...]:
    unit = 2 * pipe.vae_scale_factor
    return 1, pipe.vae.config.latent_channels, 2 * (case.height // unit), 2 * (case.width // unit)


@torch.no_grad()
def whole(pipe: diffusers.FluxPipeline, case: Case, draws: list[torch.Tensor]) -> dict:
    """Arrays, what the pipeline shows, and the schedule."""
    kind = getattr(diffusers, f"Flux{case.kind}Pipeline")
    run = kind(**{name: part for name, part in pipe.components.items() if name in pipe.components and part is not None})
    run.set_progress_bar_config(disable=True)
    seen: dict[str, list] = {"latents": [], "inputs": [], "t": []}

    def before(_, __, given: dict) -> None:
        seen["inputs"].append({name: value for name, value in given.items() if torch.is_tensor(value)})

    def after(_, __, ___, given: dict) -> dict:
        seen["latents"].append(given["latents"][0].double().numpy())
        return {}

    hook = run.transformer.register_forward_pre_hook(before, with_kwargs=True)
    more = {}
    if case.picture:
        more |= {"image": picture(case.picture), "strength": case.strength}
        encode = run._encode_vae_image
        run._encode_vae_image = lambda **given: seen.setdefault("picture_latents", encode(**given))
    if case.mask:
        more["mask_image"] = picture(case.mask)
        mask_of = run.prepare_mask_latents
        run.prepare_mask_latents = lambda *given: seen.setdefault("mask", mask_of(*given))
    with drawing(draws), Tap({"decoded": run.vae.decoder}) as tap:
        image = run(case.prompt, width=case.width, height=case.height, num_inference_steps=case.steps, guidance_scale=case.guidance,
                    max_sequence_length=case.tokens, callback_on_step_end=after, **more).images[0]
    hook.remove()
    first = seen["inputs"][0]
    arrays = {"text_rows": first["encoder_hidden_states"][0], "pooled": first["pooled_projections"][0],
              "start": first["hidden_states"][0], "latents": np.stack(seen["latents"]), "decoded": tap.taken["decoded"][0]}
    if case.picture:
        arrays["picture_latents"] = seen["picture_latents"][0]
    if case.mask:
        _, _, height, width = latent_shape(pipe, case)
        arrays["latent_mask"] = run._unpack_latents(seen["mask"][0], *(extent * pipe.vae_scale_factor for extent in (height, width)),
                                             pipe.vae_scale_factor)[0, 0]
    arrays = {name: np.asarray(value, np.float64) for name, value in arrays.items()}
    return {"arrays": arrays, "image": image, "sigmas": run.scheduler.sigmas.numpy(), "ran": len(seen["latents"]),
            "asked": [float(given["timestep"][0]) for given in seen["inputs"]]}


def case_record(name: str, pipe: diffusers.FluxPipeline, case: Case, store: Store, out: Path) -> dict:
    made = Made(f"{name} {case.name}")
    shape = latent_shape(pipe, case)
    noise, described = made("noise", shape)
    draws, more = [noise], {}
    if case.picture:
        picture_noise, more["picture_noise"] = made("picture noise", shape)
        if not case.sampled:
            picture_noise, more["picture_noise"] = torch.zeros(shape), None
        draws.insert(0, picture_noise)
        more |= {"picture": case.picture, "strength": case.strength}
        resized = picture(case.picture).resize((shape[3] * pipe.vae_scale_factor, shape[2] * pipe.vae_scale_factor), 1)
        more["resized_digest"] = counted_values.digest(np.asarray(resized).tobytes())
    if case.mask:
        more["mask"] = case.mask
    single = whole(pipe.to(torch.float32), case, draws)
    double = whole(pipe.to(torch.float64), case, draws)
    pipe.to(torch.float32)
    pixels = np.asarray(single["image"])
    clamped = float((np.abs(single["arrays"]["decoded"]) >= 1).mean())
    if clamped > 0.15 or pixels.std() < 20:
        raise SystemExit(f"{case.name}: {clamped:.0%} of the picture at its ends, standard deviation {pixels.std():.0f}")
    single["image"].save(out / f"{name}-{case.name}.png", optimize=True)
    ids = {"clip_ids": pipe.tokenizer(case.prompt, padding="max_length", max_length=pipe.tokenizer_max_length,
                                      truncation=True).input_ids,
           "t5_ids": pipe.tokenizer_2(case.prompt, padding="max_length", max_length=case.tokens, truncation=True).input_ids}
    limits = {"": 400, "text_rows": 300, "decoded": 900, "latents": 1600}
    return {"name": case.name, "pipeline": f"Flux{case.kind}Pipeline", "prompt": case.prompt, "width": case.width,
            "height": case.height, "steps": case.steps, "guidance": case.guidance, "max_sequence_length": case.tokens} | more | {
        "noise": described} | ids | {
        "first_step": case.steps - single["ran"], "sigmas": exact(single["sigmas"]), "timesteps": exact(single["asked"]),
        "result": f"{name}-{case.name}.png", "result_size": list(single["image"].size)} | keep(
            store, single["arrays"], double["arrays"], limits)


# --- schedules ---------------------------------------------------------------------------------------------------------


def schedules_record() -> dict:
    out = []
    for name, settings in SCHEDULES.items():
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**settings)
        for patches in PATCHES if scheduler.config.use_dynamic_shifting else (256,):
            mu = pipeline_flux.calculate_shift(patches, *(scheduler.config[key] for key in (
                "base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")))
            for steps in STEPS:
                if name == "terminal" and steps == 1:
                    continue  # divides by zero
                scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
                out.append({"settings": name, "patches": patches, "mu": mu, "steps": steps, "sigmas": exact(scheduler.sigmas),
                            "timesteps": exact(scheduler.timesteps)})
    return {"settings": SCHEDULES, "schedules": out, "starts": starts_record()}


def starts_record() -> list[dict]:
    """At which step img2img begins."""
    run = diffusers.FluxImg2ImgPipeline(diffusers.FlowMatchEulerDiscreteScheduler(), *[None] * 6)
    out = []
    for steps in (1, 2, 4, 5, 10, 20, 28, 50):
        firsts = []
        for strength in STRENGTHS:
            run.scheduler.set_timesteps(steps)
            firsts.append(steps - run.get_timesteps(steps, strength, "cpu")[1])
        out.append({"steps": steps, "strengths": list(STRENGTHS), "first_steps": firsts})
    return out
