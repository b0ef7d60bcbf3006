# SPDX-License-Identifier: MIT OR Apache-2.0
"""About 100 M random parameters of SDXL's architecture, for `make bench`: large enough that
arithmetic counts, small enough for a machine without a GPU.

`make_mid.py OUT` writes OUT/mid.safetensors, OUT/mid-diffusers/ and OUT/mid/ (the bundle).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from maker import DTYPES, Model, make_forms, scaled


def mid():
    return scaled(
        "mid",
        unet={
            "sample_size": 32,
            "block_out_channels": [96, 192, 384],
            "transformer_layers_per_block": [1, 2, 3],
            "attention_head_dim": [3, 6, 12],
            "addition_time_embed_dim": 64,
        },
        vae={"sample_size": 256, "block_out_channels": [64, 128, 128, 128]},
        text_1={
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "projection_dim": 64,
        },
        text_2={
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "projection_dim": 128,
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="as stored")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tilings", default="none", help="of the bundle; '' = no bundle")
    options = parser.parse_args()
    begun = time.monotonic()
    model = Model(mid(), options.seed, DTYPES[options.dtype])
    for path in make_forms(model, options.out, options.tilings, "epsilon"):
        print(path)
    print(f"{model.parameter_count() / 1e6:.1f} M parameters, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
