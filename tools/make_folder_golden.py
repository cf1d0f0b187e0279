#!/usr/bin/env python3
"""Makes tests/golden/folders: what `transformers` computes from the folders of tests/golden/models when their config.json
says something else: members left out, null, or of another value.

    make_folder_golden.py [--models DIR] [--out DIR]

Each entry of DESCRIPTIONS is a folder, the members it leaves out and those it has instead (JSON pointers); its weights
stay what they are. Logits of the model's own prompt, float32, eager attention. Needs torch and transformers; the versions
used are recorded.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

import golden_record
from golden_models import MODELS
from make_golden import new_model, weights_for

ROOT = Path(__file__).resolve().parent.parent / "tests" / "golden"


@dataclasses.dataclass(frozen=True)
class Description:
    folder: str
    shows: str
    leaves_out: tuple[str, ...] = ()
    has: dict = dataclasses.field(default_factory=dict)


DESCRIPTIONS = {
    "deepseek2-linear": Description(
        "deepseek2", "mscale_all_dim scales attention scores with linear scaling too", has={
            "/rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0, "mscale_all_dim": 0.707}}),
    "gemma2-caps": Description("gemma2", "caps that are left out are the class's",
                               ("/attn_logit_softcapping", "/final_logit_softcapping")),
    "gemma2-no-caps": Description("gemma2", "caps that are null are none",
                                  has={"/attn_logit_softcapping": None, "/final_logit_softcapping": None}),
    "gpt-oss-rotary": Description("gpt-oss", "a scaling that is left out is the class's", ("/rope_parameters",)),
    "mistral-window": Description("mistral", "a window that is null is none", has={"/sliding_window": None}),
}


def described(config: dict, description: Description) -> dict:
    for pointer in description.leaves_out:
        del config[pointer.removeprefix("/")]
    return config | {pointer.removeprefix("/"): value for pointer, value in description.has.items()}


@torch.no_grad()
def logits(config: dict, model: str, seed: int, prompt: list[int]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        read = transformers.AutoConfig.from_pretrained(folder)
    described = transformers.AutoModelForCausalLM.from_config(read, dtype=torch.float32, attn_implementation="eager").eval()
    golden_record.fill(described, weights_for(new_model(MODELS[model]), MODELS[model]), seed)
    return described(torch.tensor([prompt]), use_cache=False).logits[0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--out", type=Path, default=ROOT / "folders")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    records = []
    for name, description in DESCRIPTIONS.items():
        recorded = json.loads((arguments.models / f"{description.folder}.json").read_text())
        config = json.loads((arguments.models / description.folder / "config.json").read_text())
        every, values = golden_record.stored(logits(
            described(config, description), description.folder, recorded["made_with"]["seed"], recorded["prompt"]))
        plain = np.load(arguments.models / f"{description.folder}.npy")
        if np.abs(values - plain).max() < 0.01 * np.abs(plain).max():
            raise SystemExit(f"{name}: what it changes doesn't show")
        np.save(arguments.out / f"{name}.npy", values)
        records.append({"name": name, **dataclasses.asdict(description), "logits": f"{name}.npy", "every": every})
    versions = golden_record.versions("numpy", "torch", "transformers")
    document = {"made_with": {"script": "tools/make_folder_golden.py", "versions": versions}, "descriptions": records}
    (arguments.out / "descriptions.json").write_text(golden_record.dumps(document) + "\n")


if __name__ == "__main__":
    main()
