# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every module of SDXL is found by every key style that can name it; no weights are needed."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import lora_files
import maker
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import (
    _convert_non_diffusers_lora_to_diffusers,
    _maybe_map_sgm_blocks_to_diffusers,
)
from lora_files import STYLES

# 70 layers of ten linear modules and 11 transformers of two; 12 and 32 layers of six.
ALL = {"unet": 722, "text_1": 72, "text_2": 192}
EXPECTED = {"diffusers-processor": {"unet": 560}, "bare": {"unet": 722},
            "onetrainer-clip": {"text_1": 72, "text_2": 192}}


@pytest.fixture(scope="module")
def shapes() -> dict[str, lora_files.Shapes]:
    return maker.shapes_of(maker.sdxl())


@pytest.fixture(scope="module")
def modules(shapes: dict[str, lora_files.Shapes]) -> lora_files.Modules:
    listed = lora_files.lora_modules(shapes)
    assert {component: len(paths) for component, paths in listed.items()} == ALL
    return listed


@pytest.fixture(scope="module")
def parameters(shapes: dict[str, lora_files.Shapes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdxl") / "parameters.txt"
    path.write_text("".join(
        f"{component} {name} {' '.join(map(str, shape))}\n"
        for component in ("text_1", "text_2", "unet") for name, shape in shapes[component].items()))
    return path


def places(build: Path, parameters: Path, file: Path) -> dict[str, tuple[str, str]]:
    """Key to (component, parameter), as the library maps it."""
    printed = subprocess.run([build / "bin/dump_lora_map", parameters, file], text=True, check=True,
                             capture_output=True).stdout
    rows = [line.split("\t") for line in printed.splitlines()]
    return {key: (component, rest) for key, component, rest in rows}


@pytest.mark.parametrize("style", STYLES)
def test_every_module_is_found(style: str, build: Path, parameters: Path,
                               modules: lora_files.Modules, tmp_path: Path) -> None:
    spell = STYLES[style][0]
    # PEFT's and LyCORIS' keys do not say which text encoder: such a file is one network's.
    alone = style.startswith("peft") or style == "lycoris"
    parts = [{c: m} for c, m in modules.items()] if alone else [modules]
    seen: Counter[str] = Counter()
    for part in parts:
        tensors = lora_files.make_lora(part, style, 1, 1.0 if STYLES[style][3] else None, 1,
                                       torch.bfloat16)
        if style == "onetrainer":
            key = "lora_te1_text_projection"
            tensors[key + ".lora_down.weight"] = torch.ones(1, 768)
            tensors[key + ".lora_up.weight"] = torch.ones(768, 1)
        found = places(build, parameters, lora_files.write(tmp_path / "lora.safetensors", tensors))
        if style == "onetrainer":
            assert found.pop("lora_te1_text_projection")[0] == "ignored"
        for component, paths in part.items():
            for path in paths:
                key = spell(component, path)
                if key is not None:
                    assert found.pop(key) == (component, f"{path}.weight")
                    seen[component] += 1
        assert not found
    assert seen == EXPECTED.get(style, ALL)


def test_sgm_names_are_diffusers_own(build: Path, parameters: Path, modules: lora_files.Modules,
                                     tmp_path: Path) -> None:
    """diffusers' converter reads the same module out of each of kohya's 722 keys of the UNet."""
    tensors = lora_files.make_lora({"unet": modules["unet"]}, "kohya-sgm", 1, 1.0, 1)
    ours = places(build, parameters, lora_files.write(tmp_path / "lora.safetensors", tensors))
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(maker.SDXL_UNET)
    # Each key's tensor carries its own number, so that it is known again behind the conversion.
    numbered = {key: torch.full_like(value, 0) for key, value in tensors.items()}
    order = sorted(ours)
    for number, key in enumerate(order):
        numbered[f"{key}.lora_down.weight"].fill_(number)
        numbered[f"{key}.alpha"].fill_(1)
    mapped = _maybe_map_sgm_blocks_to_diffusers(dict(numbered), unet.config)
    converted, _ = _convert_non_diffusers_lora_to_diffusers(mapped)
    checked = 0
    for name, value in converted.items():
        if ".down." not in name and "lora_A" not in name and "lora_down" not in name:
            continue
        key = order[round(float(value.flatten()[0]))]
        component, parameter = ours[key]
        folder, path = name.split(".", 1)
        for ending in ("_lora.down.weight", ".lora.down.weight",
                       ".lora_linear_layer.down.weight", ".lora_A.weight", ".lora_down.weight"):
            path = path.removesuffix(ending)
        path = path.replace(".processor.", ".")
        assert lora_files.FOLDER[component] == folder
        assert flat_tail(parameter.removesuffix(".weight")) == flat_tail(path), name
        checked += 1
    assert checked == ALL["unet"]


def flat_tail(path: str) -> str:
    """Old and new spellings of one path: with or without the final 0."""
    return path.removesuffix(".0")
