# SPDX-License-Identifier: MIT OR Apache-2.0
"""bundle.json: everything that the C library needs to know about a model (docs/models.md)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import archive
from .architecture import Architecture

FORMAT = 1

# Linear maps from SDXL's latents to 0..255, by T. A. Vass (the "SDXL latent space" article).
_SDXL_PREVIEW = {
    "matrix": [
        [round(v / 255, 6) for v in row]
        for row in ([60, 60, 60], [-60, -5, 10], [25, 15, -5], [-70, -50, -35])
    ],
    "bias": [round(v / 255, 6) for v in (150, 140, 130)],
}

_SDXL_DEFAULTS = {
    "steps": 25,
    "guidance": 7.0,
    "guidance_rescale": 0.0,
    "sampler": "euler",
    "schedule": "normal",
    "negative_prompt": "",
}


def _stored_dtype(folder: Path) -> str:
    """Of the UNet's weights, by the file's own header."""
    from safetensors import safe_open

    names = {"F32": "f32", "BF16": "bf16", "F16": "f16"}
    for path in sorted((folder / "unet").glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for key in file.keys():
                dtype = file.get_slice(key).get_dtype()
                if dtype not in names:
                    raise ValueError(f"{path}: {key} is stored as {dtype}; use F32, BF16 or F16")
                return names[dtype]
    raise ValueError(f"{folder}/unet: no *.safetensors file with weights")


def _schedule(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "train_steps": config.get("num_train_timesteps", 1000),
        "beta_start": config.get("beta_start", 0.00085),
        "beta_end": config.get("beta_end", 0.012),
        "beta_schedule": config.get("beta_schedule", "scaled_linear"),
        "spacing": config.get("timestep_spacing", "leading"),
        "steps_offset": config.get("steps_offset", 0),
        "zero_terminal_snr": bool(config.get("rescale_betas_zero_snr", False)),
    }


def _prediction(config: dict[str, Any]) -> str:
    declared = config.get("prediction_type", "epsilon")
    if declared not in ("epsilon", "v_prediction"):
        raise ValueError(f"scheduler_config.json: prediction_type {declared!r} is not supported")
    return "v" if declared == "v_prediction" else "epsilon"


def _text(arch: Architecture) -> list[dict[str, Any]]:
    return [
        {
            "component": f"text_{slot}",
            "context": config["max_position_embeddings"],
            "width": config["hidden_size"],
            "pooled": arch.pooled_width(index),
            "vocabulary": config["vocab_size"],
            **arch.tokenizers[index],
            "hidden_layer": arch.hidden_layer,
            # A set of programs carries one vocabulary for all encoders.
            "tokenizer": "tokenizer_2" if slot == 2 and arch.folder else "tokenizer",
        }
        for index, (slot, config) in enumerate(zip(arch.slots, arch.text))
    ]


def key_shapes(parameters: dict[str, dict[str, list[int]]]) -> dict[str, dict[str, list[int]]]:
    """The few parameters whose shapes tell one architecture of the family from another."""

    def last(names: Iterable[str], tail: str) -> list[str]:
        """The deepest layer of each place, by its numbers."""
        deepest: dict[str, tuple[tuple[int, ...], str]] = {}
        for name in names:
            if name.endswith(tail):
                parts = name.split(".")
                numbers = tuple(int(p) for p in parts if p.isdigit())
                place = ".".join(parts[:2]) if len(numbers) > 1 else parts[0]
                deepest[place] = max(deepest.get(place, ((), "")), (numbers, name))
        return [name for _, name in deepest.values()]

    chosen: dict[str, dict[str, list[int]]] = {}
    tails = {
        "unet": ("attn2.to_k.weight", "conv1.weight"),
        "vae_decoder": ("conv1.weight",),
        "text_1": ("mlp.fc1.weight",),
        "text_2": ("mlp.fc1.weight",),
    }
    whole = (
        "conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight",
        "add_embedding.linear_1.weight", "decoder.conv_in.weight", "decoder.conv_out.weight",
        "text_model.embeddings.token_embedding.weight",
        "text_model.embeddings.position_embedding.weight", "text_projection.weight",
    )
    for component, endings in tails.items():
        shapes = parameters.get(component)
        if shapes is None:
            continue
        names = [n for n in whole if n in shapes]
        for ending in endings:
            names += last(shapes, ending)
        chosen[component] = {name: shapes[name] for name in sorted(names)}
    return chosen


def describe(arch: Architecture, programs: list[dict[str, Any]],
             parameters: dict[str, dict[str, list[int]]], title: str, license_text: str
             ) -> dict[str, Any]:
    """The whole document; fields that a maker knows better come from `--set`."""
    factor = arch.vae_factor
    size = int(arch.unet.get("sample_size") or 128) * factor
    vae = arch.vae
    shipped = arch.folder is None
    # A graph traced at odd halves takes every latent size, so pixels follow the VAE alone.
    return {
        "format": FORMAT,
        "kind": "programs" if shipped else "model",
        "name": arch.name,
        "title": title,
        "license": license_text,
        "architecture": arch.name,
        "dtype": None if arch.folder is None else _stored_dtype(arch.folder),
        "canvas": {"native": [size, size], "multiple": factor, "min": 8 * factor,
                   "max": max(4 * size, 64 * factor)},
        "pixel_scale": 8,
        "image_channels": vae["out_channels"],
        "latent_channels": vae["latent_channels"],
        "vae": {
            "factor": factor,
            "scaling": vae.get("scaling_factor", 0.18215),
            "shift": vae.get("shift_factor") or 0.0,
            "f16_safe": not vae.get("force_upcast", True),
            "mean": vae.get("latents_mean"),
            "std": vae.get("latents_std"),
        },
        "prediction": _prediction(arch.scheduler),
        "schedule": _schedule(arch.scheduler),
        "text": _text(arch),
        "context_width": arch.unet["cross_attention_dim"],
        "pooled_width": arch.pooled_width(len(arch.text) - 1),
        "time_ids": 6,
        "preview": _SDXL_PREVIEW if shipped else None,
        "defaults": dict(_SDXL_DEFAULTS),
        "shapes": key_shapes(parameters),
        "programs": programs,
        "files": [] if arch.folder is None else _files(arch.folder),
    }


def _files(folder: Path) -> list[dict[str, Any]]:
    """Weights and tokenizer files with their hashes: integrity, never trust.

    LoRAs beside a model are the user's: they come and go without making it another one.
    """
    patterns = ("*/*.safetensors", "tokenizer*/*.json", "tokenizer*/*.txt", "tokenizer*/*.gz", "words.txt")
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)
                    if path.parent.name != "loras"})
    return [
        {
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": archive.file_digest(path),
        }
        for path in found
    ]


def merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` laid over `document`, object by object."""
    result = dict(document)
    for key, value in changes.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = merged(below, value)
        result[key] = value
    return result


def to_text(document: dict[str, Any]) -> str:
    """Indented, but with short arrays on one line."""

    def render(value: Any, indent: str) -> str:
        flat = json.dumps(value, ensure_ascii=False)
        if not isinstance(value, (dict, list)) or len(indent) + len(flat) <= 96:
            return flat
        inner = indent + "  "
        if isinstance(value, dict):
            lines = [f"{inner}{json.dumps(k)}: {render(v, inner)}" for k, v in value.items()]
            return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
        return "[\n" + ",\n".join(inner + render(v, inner) for v in value) + f"\n{indent}]"

    return render(document, "") + "\n"


def write(folder: Path, document: dict[str, Any]) -> None:
    archive.write_file(folder / "bundle.json", to_text(document).encode())


def read(folder: Path) -> dict[str, Any]:
    with open(folder / "bundle.json", encoding="utf-8") as file:
        document = json.load(file)
    if document.get("format") != FORMAT:
        raise ValueError(f"{folder}/bundle.json: format is {document.get('format')}, not {FORMAT}")
    return dict(document)


def write_clip_merges(path: Path) -> None:
    """CLIP's merges in Hugging Face's form, from the list that open_clip carries (MIT)."""
    import open_clip

    source = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    with gzip.open(source, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]  # as open_clip's own tokenizer cuts them
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    archive.write_file(path, archive.pack(text.encode()))


def trusted_rows(folders: Iterable[Path]) -> str:
    """C initialiser rows of every program in these folders, for the list in the library."""
    rows = []
    for folder in folders:
        document = read(folder)
        for program in document.get("programs", []):
            data = archive.unpack(folder / program["file"])
            if archive.digest(data) != program["sha256"]:
                file = folder / program["file"]
                raise ValueError(f"{file}: its hash is not the one in bundle.json")
            tiling = "" if program["tiling"] == "none" else f".{program['tiling']}"
            name = f"{document['architecture']}/{program['component']}{tiling}"
            rows.append((name, program["sha256"]))
    head = (
        "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n"
        "/* Made by `python -m dgx_pixels.programs --trust-list`: name and SHA-256 of each program\n"
        "   that ships with the library, taken from the inflated archive. */\n"
    )
    return head + "".join(f'{{"{name}",\n "{sha}"}},\n' for name, sha in sorted(rows))
