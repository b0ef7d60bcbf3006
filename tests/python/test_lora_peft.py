# SPDX-License-Identifier: MIT OR Apache-2.0
"""PEFT's own files: strengths that only their configuration tells, and methods that are not done."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from dgxp import DgxpError, Library, Model
from diffusers import StableDiffusionXLPipeline
from lora_files import Tensors
from peft import (IA3Config, LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, PeftConfig, VeraConfig,
                  get_peft_model)
from test_lora import base, fresh, library, model, pipe  # noqa: F401

PEFT_METHODS: dict[str, PeftConfig] = {
    "lora-regex": LoraConfig(r=4, lora_alpha=6, target_modules=["to_q", "to_v", "conv1"],
                             rank_pattern={r"^down_blocks\.\d+\..*to_q": 2},
                             alpha_pattern={r"(mid|up)_block.*?\.to_[qv]": 3, "conv1": 5}),
    "loha": LoHaConfig(r=3, alpha=7, target_modules=["to_q", "conv1"]),
    "loha-conv": LoHaConfig(r=3, alpha=2, use_effective_conv2d=True, target_modules=["conv1", "conv2"]),
    "loha-patterns": LoHaConfig(r=3, alpha=7, target_modules=["to_q", "to_v", "conv1"],
                                rank_pattern={r"attn1\.to_q": 2},
                                alpha_pattern={r".*attn[12]\.to_v": 1, "conv1": 9}),
    "lokr": LoKrConfig(r=2, alpha=5, target_modules=["to_q", "conv1"]),
    "lokr-both": LoKrConfig(r=1, alpha=5, decompose_both=True, target_modules=["to_q", "conv1"]),
    "lokr-conv": LoKrConfig(r=2, alpha=3, use_effective_conv2d=True, target_modules=["conv1", "conv2"]),
    "lokr-full": LoKrConfig(r=64, alpha=16, target_modules=["to_q", "to_k", "conv1"]),
    "lokr-full-patterns": LoKrConfig(r=64, alpha=16, target_modules=["to_q", "to_v"],
                                     rank_pattern={"attn2.to_q": 32}, alpha_pattern={"to_v": 4}),
}


def peft_file(config: PeftConfig, unet: torch.nn.Module, folder: Path) -> torch.nn.Module:
    """Random factors, saved by PEFT; the network with them merged by PEFT."""
    torch.manual_seed(8)
    wrapped = get_peft_model(unet, copy.deepcopy(config))
    with torch.no_grad():
        for name, value in wrapped.named_parameters():
            if any(part in name for part in ("lora_", "hada_", "lokr_", "oft_", "vera_", "ia3_")):
                value.copy_(torch.randn_like(value) * 0.2)
    wrapped.save_pretrained(folder)
    return wrapped.merge_and_unload()


@pytest.mark.parametrize("name", PEFT_METHODS)
def test_merge_equals_peft(name: str, model: Model, library: Library, base: dict[str, Tensors],
                           fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    """Strengths that only the configuration tells, by PEFT's own merge_and_unload()."""
    theirs = peft_file(PEFT_METHODS[name], fresh.unet, tmp_path).state_dict()
    [report] = model.set_loras((library.lora(tmp_path / "adapter_model.safetensors"), 1.0))
    changed = 0
    for key, tensor in base["unet"].items():
        ours = model.weight("unet", key, tuple(tensor.shape))
        assert np.abs(ours - theirs[key].numpy()).max() <= 1e-6, key
        changed += not np.array_equal(ours, tensor.numpy())
    assert changed == report["applied"] > 0 and report["skipped"] == 0
    model.set_loras()


@pytest.mark.parametrize("kind, config", [
    ("OFT", OFTConfig(oft_block_size=4, target_modules=["to_q"])),
    ("IA3", IA3Config(target_modules=["to_q"], feedforward_modules=[])),
    ("VERA", VeraConfig(r=2, target_modules=["mid_block.attentions.0.transformer_blocks.0.attn1.to_q"])),
])
def test_other_methods_are_named(kind: str, config: PeftConfig, library: Library,
                                 fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    get_peft_model(fresh.unet, config).save_pretrained(tmp_path)
    with pytest.raises(DgxpError, match=f"adapter of the kind {kind}"):
        library.lora(tmp_path / "adapter_model.safetensors")
