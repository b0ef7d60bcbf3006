# SPDX-License-Identifier: MIT OR Apache-2.0
"""Random models of SDXL's architecture in the three forms that people have.

Values are drawn by parameter name, so the same model comes out in every form and dtype; files are
written tensor by tensor, so the full size needs no memory to speak of.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import names
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

from dgx_pixels.programs import bundle  # noqa: E402
from dgx_pixels.programs.architecture import (  # noqa: E402
    SDXL_SCHEDULER,
    SDXL_TEXT_1,
    SDXL_TEXT_2,
    SDXL_UNET,
    SDXL_VAE,
    Architecture,
    sdxl,
)
from dgx_pixels.programs.trace import build  # noqa: E402
from dgx_pixels.programs.verify import random_value  # noqa: E402

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
_CODES = {
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
}
FOLDERS = {"unet": "unet", "vae": "vae", "text_1": "text_encoder", "text_2": "text_encoder_2"}

Shapes = dict[str, list[int]]
Values = Callable[[], torch.Tensor]
Entry = tuple[str, torch.dtype, list[int], Values]


def scaled(name: str, unet: dict[str, Any], vae: dict[str, Any], text_1: dict[str, Any],
           text_2: dict[str, Any], v_prediction: bool = False) -> Architecture:
    """SDXL's architecture with other widths; what follows from them is worked out here."""
    first, second = {**SDXL_TEXT_1, **text_1}, {**SDXL_TEXT_2, **text_2}
    pooled, ids = second["projection_dim"], unet.get("addition_time_embed_dim", 256)
    settings = {
        **SDXL_UNET,
        **unet,
        "cross_attention_dim": first["hidden_size"] + second["hidden_size"],
        "projection_class_embeddings_input_dim": pooled + 6 * ids,
    }
    scheduler = dict(SDXL_SCHEDULER)
    if v_prediction:
        scheduler.update(prediction_type="v_prediction", rescale_betas_zero_snr=True,
                         timestep_spacing="trailing")
    base = sdxl()
    return dataclasses.replace(
        base, name=name, unet=settings, vae={**SDXL_VAE, **vae}, text=[first, second],
        scheduler=scheduler,
    )


def shapes_of(arch: Architecture) -> dict[str, Shapes]:
    """Names and shapes of every parameter of the four networks, as a diffusers folder has them."""

    def listed(component: str) -> Shapes:
        module = build(arch, component)
        return {name: list(p.shape) for name, p in module.named_parameters()}

    vae = {**listed("vae_encoder"), **listed("vae_decoder")}
    return {"unet": listed("unet"), "vae": vae, "text_1": listed("text_1"),
            "text_2": listed("text_2")}


def write_safetensors(path: Path, entries: list[Entry], metadata: dict[str, str]) -> None:
    """The format by its specification: length, header, tensors without gaps, one at a time."""
    header: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, dtype, shape, _ in entries:
        size = torch.Size(shape).numel() * dtype.itemsize
        header[name] = {"dtype": _CODES[dtype], "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, dtype, shape, values in entries:
            tensor = values().to(dtype).contiguous()
            if list(tensor.shape) != shape:
                raise ValueError(f"{name}: made {list(tensor.shape)}, announced {shape}")
            file.write(tensor.view(torch.uint8).numpy() if tensor.dim() else
                       tensor.reshape(1).view(torch.uint8).numpy())


class Model:
    """One random model: its architecture, seed and stored dtype."""

    def __init__(self, arch: Architecture, seed: int, dtype: torch.dtype) -> None:
        self.arch, self.seed, self.dtype = arch, seed, dtype
        self.shapes = shapes_of(arch)

    def value(self, component: str, name: str) -> torch.Tensor:
        shape = torch.Size(self.shapes[component][name])
        value = random_value(f"{component}.{name}", shape, torch.float32, self.seed)
        if name in ("conv_out.weight", "decoder.conv_out.weight"):
            value *= 0.5  # keeps pictures of noise within the range that a picture has
        return value.to(self.dtype)

    def _place_entry(self, component: str, place: names.Place) -> Entry:
        shapes = [self.shapes[component][source] for source in place.sources]
        shape = [sum(s[0] for s in shapes), *shapes[0][1:]]
        if place.change == "transpose":
            shape = shape[::-1]
        elif place.change == "conv":
            shape = [*shape, 1, 1]

        def values() -> torch.Tensor:
            joined = torch.cat([self.value(component, source) for source in place.sources])
            return (joined.T if place.change == "transpose" else joined).reshape(shape)

        return place.name, self.dtype, shape, values

    def single_file(self, path: Path, prediction: str = "epsilon") -> None:
        """A checkpoint in the original layout, with the extras that real ones carry."""
        layers = self.arch.unet["layers_per_block"]
        blocks = len(self.arch.vae["block_out_channels"])
        entries: list[Entry] = []
        for component, folder in FOLDERS.items():
            listed = list(self.shapes[component])
            for place in names.places(folder, listed, layers, blocks):
                entries.append(self._place_entry(component, place))
        context = self.arch.text[0]["max_position_embeddings"]
        first = "conditioner.embedders.0.transformer.text_model.embeddings.position_ids"
        entries.append((first, torch.int64, [1, context], lambda: torch.arange(context)[None]))
        entries.append(("conditioner.embedders.1.model.logit_scale", self.dtype, [],
                        lambda: torch.tensor(4.6052)))
        if prediction == "v":
            for marker in ("v_pred", "ztsnr"):
                entries.append((marker, self.dtype, [0], lambda: torch.zeros(0)))
        entries.sort(key=lambda entry: entry[0])
        write_safetensors(path, entries, {
            "format": "pt",
            "modelspec.architecture": "stable-diffusion-xl-v1-base",
            "modelspec.title": self.arch.name,
        })

    def diffusers_folder(self, folder: Path) -> None:
        for component, name in FOLDERS.items():
            stem = "model" if component.startswith("text") else "diffusion_pytorch_model"
            entries: list[Entry] = [
                (key, self.dtype, shape, lambda c=component, k=key: self.value(c, k))
                for key, shape in sorted(self.shapes[component].items())
            ]
            write_safetensors(folder / name / f"{stem}.safetensors", entries, {"format": "pt"})
        arch = self.arch
        unet = {"_class_name": "UNet2DConditionModel", **arch.unet}
        write_json(folder / "unet/config.json", unet)
        write_json(folder / "vae/config.json", {"_class_name": "AutoencoderKL", **arch.vae})
        write_json(folder / "scheduler/scheduler_config.json", arch.scheduler)
        for index, settings in enumerate(arch.text):
            suffix = "" if index == 0 else f"_{index + 1}"
            write_json(folder / f"text_encoder{suffix}/config.json", settings)
            write_tokenizer(folder / f"tokenizer{suffix}", "<|endoftext|>" if index == 0 else "!")
        write_json(folder / "model_index.json", {
            "_class_name": "StableDiffusionXLPipeline",
            "_diffusers_version": "0.42.1",
            "force_zeros_for_empty_prompt": False,
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        })

    def parameter_count(self) -> int:
        return sum(torch.Size(s).numel() for part in self.shapes.values() for s in part.values())


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def clip_merges() -> list[str]:
    import gzip

    import open_clip

    source = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    with gzip.open(source, "rt", encoding="utf-8") as file:
        return file.read().split("\n")[1 : 49152 - 256 - 2 + 1]


def write_tokenizer(folder: Path, pad: str) -> None:
    """CLIP's real vocabulary in the files of a diffusers folder."""
    from open_clip.tokenizer import bytes_to_unicode

    merges = clip_merges()
    letters = list(bytes_to_unicode().values())
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += ["".join(merge.split()) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
               "unk_token": "<|endoftext|>", "pad_token": pad}
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **special
    })


def link_tree(source: Path, target: Path) -> None:
    """The same files under another name, without their bytes twice where the disk allows it."""

    def link(one: str, two: str) -> None:
        try:
            os.link(one, two)
        except OSError:
            shutil.copy2(one, two)

    shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)


def make_bundle(folder: Path, name: str, tilings: str) -> None:
    """Programs and bundle.json beside the weights, by the exporter's own command."""
    command = [sys.executable, "-m", "dgx_pixels.programs", str(folder), "--from", str(folder),
               "--name", name, "--tilings", tilings]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    subprocess.run(command, check=True, env=environment)
    document = bundle.merged(bundle.read(folder), {
        "title": f"Random weights ({name})", "license": "CC0-1.0", "defaults": {"steps": 4}
    })
    bundle.write(folder, document)


def make_forms(model: Model, out: Path, tilings: str, prediction: str) -> Iterator[Path]:
    """NAME.safetensors, NAME-diffusers/ and NAME/ (the bundle) in `out`."""
    name = model.arch.name
    model.single_file(out / f"{name}.safetensors", prediction)
    yield out / f"{name}.safetensors"
    model.diffusers_folder(out / f"{name}-diffusers")
    yield out / f"{name}-diffusers"
    if tilings:
        link_tree(out / f"{name}-diffusers", out / name)
        make_bundle(out / name, name, tilings)
        yield out / name
