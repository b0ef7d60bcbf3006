# SPDX-License-Identifier: MIT OR Apache-2.0
"""SDXL's architecture with small widths and random weights, in all three forms.

`make_tiny.py OUT` writes OUT/tiny.safetensors, OUT/tiny-diffusers/ and OUT/tiny/; with
DGX_PIXELS_MODELS=OUT the library finds the tiny architecture's programs for all of them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from dataclasses import replace

from maker import DTYPES, Model, make_forms, scaled


def tiny(v_prediction: bool = False):
    """Every kind of layer that SDXL has, three depths of transformers, text widths that differ."""
    return scaled(
        "tiny",
        unet={
            "sample_size": 16,
            "block_out_channels": [16, 32, 32],
            "norm_num_groups": 8,
            "transformer_layers_per_block": [1, 2, 3],
            "attention_head_dim": [2, 4, 4],
            "addition_time_embed_dim": 8,
        },
        vae={"sample_size": 128, "block_out_channels": [16, 16, 32, 32], "norm_num_groups": 8},
        text_1={
            "hidden_size": 16,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "projection_dim": 16,
        },
        text_2={
            "hidden_size": 24,
            "intermediate_size": 96,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "projection_dim": 20,  # not square: a forgotten transpose cannot pass
        },
        v_prediction=v_prediction,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="as stored")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--tilings", default="none,x,y,xy", help="of the bundle; '' = no bundle")
    parser.add_argument("--v-prediction", action="store_true", help="and zero terminal SNR")
    options = parser.parse_args()
    begun = time.monotonic()
    arch = replace(tiny(options.v_prediction), name=options.name)
    model = Model(arch, options.seed, DTYPES[options.dtype])
    prediction = "v" if options.v_prediction else "epsilon"
    for path in make_forms(model, options.out, options.tilings, prediction):
        print(path)
    print(f"{model.parameter_count() / 1e6:.2f} M parameters, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
