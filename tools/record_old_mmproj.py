#!/usr/bin/env python3
"""Writes down what llama.cpp's converter of LLaVA's encoders makes of the part of a folder that sees: tests/golden/mmproj/old/NAME.json.

usage: tools/record_old_mmproj.py CONVERTER.py FOLDER NAME VERSION

CONVERTER.py is `convert-image-encoder-to-gguf.py` (later `convert_image_encoder_to_gguf.py`) of the llama.cpp in VERSION, FOLDER one of LLaVA in
build/release/golden/pictures. The converter reads a checkpoint of CLIP or SigLIP and a file of the projector: here they are made of FOLDER, with
the names of tensors that transformers of its time had. Its weights aren't kept: they are the folder's. Needs torch, transformers and
safetensors from PyPI; the gguf module is the one beside CONVERTER.py's llama.cpp, found by PYTHONPATH.
"""

import json
import pathlib
import runpy
import sys
import tempfile
import types

import record_mmproj
import safetensors.torch
import torch
import transformers

OF_PROJECTOR = {"multi_modal_projector.linear_1": "model.mm_projector.0", "multi_modal_projector.linear_2": "model.mm_projector.2",
                "image_newline": "model.image_newline"}


class OldModel:
    """What a converter asks of a model: its layers, from the end of which it takes one, and its tensors."""

    def __init__(self, tensors, layers):
        self.tensors = tensors
        self.vision_model = types.SimpleNamespace(encoder=types.SimpleNamespace(layers=list(range(layers))))

    def state_dict(self):
        left = set(self.vision_model.encoder.layers)
        begin = "vision_model.encoder.layers."
        return {name: tensor for name, tensor in self.tensors.items()
                if not name.startswith(begin) or int(name[len(begin):].split(".")[0]) in left}


def prepared(folder, config, processor, to):
    """Writes the files that a converter reads, and has transformers load the encoder as it was."""
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    projector = {old + name[len(new):]: tensor for name, tensor in tensors.items() for new, old in OF_PROJECTOR.items() if name.startswith(new)}
    torch.save(projector, to / "llava.projector")
    begin = "vision_tower."
    vision = config["vision_config"]
    # LLaVA's own configurations have these beside the encoder's.
    if "image_grid_pinpoints" in config:
        vision |= {"image_grid_pinpoints": config["image_grid_pinpoints"], "image_aspect_ratio": "anyres",
                   "mm_patch_merge_type": "spatial_unpad"}
    whole = vision | {"vision_config": vision, "text_config": {}}
    if isinstance(config["vision_feature_layer"], list):
        whole["vision_feature_layer"] = config["vision_feature_layer"]
    (to / "config.json").write_text(json.dumps(whole))
    (to / "vocab.json").write_text("{}")
    model = OldModel({"vision_model." + name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)},
                     vision["num_hidden_layers"])
    for name in ("CLIPModel", "CLIPVisionModel", "SiglipVisionModel"):
        setattr(transformers, name, types.SimpleNamespace(from_pretrained=lambda _: model))
    said = types.SimpleNamespace(image_mean=processor["image_mean"], image_std=processor["image_std"])
    transformers.CLIPProcessor = types.SimpleNamespace(from_pretrained=lambda _: types.SimpleNamespace(image_processor=said))
    return vision["model_type"]


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    converter, folder, name, version = sys.argv[1:]
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    processor = json.loads((folder / "processor_config.json").read_text())["image_processor"]
    with tempfile.TemporaryDirectory() as made:
        made = pathlib.Path(made) / name
        made.mkdir()
        kind = prepared(folder, config, processor, made)
        sys.argv = [converter, "-m", str(made), "--llava-projector", str(made / "llava.projector"), "--use-f32"]
        if kind.startswith("siglip"):
            means = [str(x) for x in processor["image_mean"]]
            sys.argv += ["--clip-model-is-siglip", "--image-mean", *means, "--image-std", *means]
        runpy.run_path(converter, run_name="__main__")
        record_mmproj.record(made / "mmproj-model-f32.gguf", f"old/{name}", "tools/record_old_mmproj.py", version)


if __name__ == "__main__":
    main()
