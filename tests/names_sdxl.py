# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where every parameter of SDXL lies in a single file, according to diffusers' own converters.

    python tests/names_sdxl.py tests/names_sdxl.txt.gz

Each tensor of a made-up checkpoint carries numbers of its own; what the converters make of it tells
which tensor, which rows and which way round.  The candidates' names come from tests/models/names.py;
a wrong one would be missing from the result, and every parameter of the real models (built on the
meta device) must be there.  One line: component, parameter, original name without prefix, change.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / "models"))

import names  # noqa: E402
from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: E402
from diffusers.loaders import single_file_utils as single  # noqa: E402
from maker import SDXL_TEXT_2, SDXL_UNET, SDXL_VAE, sdxl, shapes_of  # noqa: E402

ROWS = 100_000  # more than any tensor of ours has


def tagged(index: int, rows: int, rank: int, transposed: bool) -> torch.Tensor:
    """[rows, 1, ...] whose numbers are the tensor's and the row's; square when it is turned."""
    value = index * ROWS + torch.arange(rows, dtype=torch.float64)
    value = value.reshape([rows] + [1] * (rank - 1))
    return value.T.expand(rows, rows) if transposed else value


def checkpoint(folder: str, listed: list[str], prefix: str, layers: int, blocks: int,
               rows: int) -> tuple[dict[str, torch.Tensor], list[str]]:  # fmt: skip
    tensors: dict[str, torch.Tensor] = {}
    order: list[str] = []
    for place in names.places(folder, listed, layers, blocks):
        rank = 4 if place.change == "conv" else 2
        if place.name.endswith("bias"):
            rank = 1
        total = rows * len(place.sources)
        tensors[place.name] = tagged(len(order), total, rank, place.change == "transpose")
        order.append(place.name.removeprefix(prefix))
    return tensors, order


def describe(value: torch.Tensor, order: list[str], rows: int) -> str:
    index, first = divmod(int(value.flatten()[0]), ROWS)
    name = order[index]
    if name == "text_projection":
        step = (value[1, 0] - value[0, 0], value[0, 1] - value[0, 0])
        return f"{name}\t{'transpose' if step == (1, 0) else '?'}"
    if "in_proj" in name:
        return f"{name}\trows {first // rows}"
    return f"{name}\tsame"


def main() -> None:
    arch = sdxl()
    shapes = shapes_of(arch)
    lines: list[str] = []

    def judge(component: str, converted: dict[str, torch.Tensor], order: list[str], rows: int,
              wanted: set[str]) -> None:  # fmt: skip
        got = set(converted)
        if not wanted <= got:
            sys.exit(f"{component}: diffusers makes no {sorted(wanted - got)[:5]}")
        for name in sorted(wanted):
            lines.append(f"{component}\t{name}\t{describe(converted[name], order, rows)}")

    with torch.device("meta"):
        unet = set(UNet2DConditionModel.from_config(SDXL_UNET).state_dict())
        vae = set(AutoencoderKL.from_config(SDXL_VAE).state_dict())
    made, order = checkpoint("unet", sorted(unet), names_prefix("unet"), 2, 4, 1)
    judge("unet", single.convert_ldm_unet_checkpoint(made, dict(SDXL_UNET)), order, 1, unet)
    made, order = checkpoint("vae", sorted(vae), names_prefix("vae"), 2, 4, 1)
    converted = single.convert_ldm_vae_checkpoint(made, dict(SDXL_VAE))
    for component, half in (("vae_decoder", ("decoder.", "post_quant")), ("vae_encoder", ("encoder.", "quant"))):
        judge(component, converted, order, 1, {n for n in vae if n.startswith(half)})
    width = SDXL_TEXT_2["hidden_size"]
    listed = sorted(shapes["text_2"])
    prefix = names_prefix("text_encoder_2")
    made, order = checkpoint("text_encoder_2", listed, prefix, 2, 4, width)

    class Model:
        config = type("Config", (), {"hidden_size": width, "num_hidden_layers": 32})

    converted = single.convert_open_clip_checkpoint(Model(), made, prefix)
    judge("text_2", converted, order, width, set(listed))
    header = "# diffusers' converters: python tests/names_sdxl.py tests/names_sdxl.txt.gz\n"
    text = header + "\n".join(lines) + "\n"
    with open(sys.argv[1], "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())
    print(len(lines), "parameters")


def names_prefix(folder: str) -> str:
    return {"unet": "model.diffusion_model.", "vae": "first_stage_model.",
            "text_encoder_2": "conditioner.embedders.1.model."}[folder]  # fmt: skip


if __name__ == "__main__":
    main()
