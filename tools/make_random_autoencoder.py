#!/usr/bin/env python3
"""Writes the folder of an autoencoder of pictures with random weights, in the shape of FLUX.1's, as diffusers saves an
AutoencoderKL: to measure with.

    make_random_autoencoder.py OUT [--channels 128,256,512,512] [--layers 2] [--latent-channels 16] [--dtype f32|bf16|f16]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from make_random_folder import DTYPES, Shape, write_file

Tensors = list[tuple[str, Shape]]


def convolution(name: str, outputs: int, inputs: int, side: int = 3) -> Tensors:
    return [(f"{name}.weight", (outputs, inputs, side, side)), (f"{name}.bias", (outputs,))]


def vectors(name: str, size: int) -> Tensors:
    return [(f"{name}.weight", (size,)), (f"{name}.bias", (size,))]


def residual(name: str, inputs: int, outputs: int) -> Tensors:
    tensors = vectors(f"{name}.norm1", inputs) + convolution(f"{name}.conv1", outputs, inputs)
    tensors += vectors(f"{name}.norm2", outputs) + convolution(f"{name}.conv2", outputs, outputs)
    return tensors + (convolution(f"{name}.conv_shortcut", outputs, inputs, 1) if inputs != outputs else [])


def middle(name: str, width: int) -> Tensors:
    tensors = residual(f"{name}.resnets.0", width, width) + vectors(f"{name}.attentions.0.group_norm", width)
    for product in ("to_q", "to_k", "to_v", "to_out.0"):
        tensors += [(f"{name}.attentions.0.{product}.weight", (width, width)),
                    (f"{name}.attentions.0.{product}.bias", (width,))]
    return tensors + residual(f"{name}.resnets.1", width, width)


def levels(half: str, blocks: str, between: str, widths: list[int], layers: int) -> Tensors:
    tensors, inputs = [], widths[0]
    for i, width in enumerate(widths):
        for j in range(layers):
            tensors += residual(f"{half}.{blocks}.{i}.resnets.{j}", inputs, width)
            inputs = width
        if i + 1 < len(widths):
            tensors += convolution(f"{half}.{blocks}.{i}.{between}.0.conv", width, width)
    return tensors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--channels", default="128,256,512,512", help="of each level, from the pixels' on")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--latent-channels", type=int, default=16)
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    channels = [int(count) for count in args.channels.split(",")]
    config = {"_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": channels,
              "down_block_types": ["DownEncoderBlock2D"] * len(channels), "in_channels": 3,
              "latent_channels": args.latent_channels, "layers_per_block": args.layers, "norm_num_groups": 32,
              "out_channels": 3, "scaling_factor": 0.3611, "shift_factor": 0.1159,
              "up_block_types": ["UpDecoderBlock2D"] * len(channels), "use_post_quant_conv": False,
              "use_quant_conv": False}
    last = channels[-1]
    tensors = convolution("encoder.conv_in", channels[0], 3)
    tensors += levels("encoder", "down_blocks", "downsamplers", channels, args.layers) + middle("encoder.mid_block", last)
    tensors += vectors("encoder.conv_norm_out", last) + convolution("encoder.conv_out", 2 * args.latent_channels, last)
    tensors += convolution("decoder.conv_in", last, args.latent_channels) + middle("decoder.mid_block", last)
    tensors += levels("decoder", "up_blocks", "upsamplers", channels[::-1], args.layers + 1)
    tensors += vectors("decoder.conv_norm_out", channels[0]) + convolution("decoder.conv_out", 3, channels[0])
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_file(args.out / "diffusion_pytorch_model.safetensors", tensors, args.dtype,
               np.random.Generator(np.random.SFC64(args.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
