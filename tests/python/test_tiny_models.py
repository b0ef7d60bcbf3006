# SPDX-License-Identifier: MIT OR Apache-2.0
"""The models that other tests stand on, judged by diffusers and safetensors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
single_file = pytest.importorskip("diffusers.loaders.single_file_utils")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

MODELS = Path(__file__).resolve().parents[1] / "models"
sys.path.insert(0, str(MODELS))

import maker  # noqa: E402
from make_mid import mid  # noqa: E402
from make_tiny import tiny  # noqa: E402

FOLDERS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
    "text_encoder_2": "text_encoder_2/model.safetensors",
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    list(maker.make_forms(maker.Model(tiny(), 0, torch.float32), out, "", "epsilon"))
    return out


def converted(checkpoint: dict, component: str, arch) -> dict:
    """One component of a single file, by diffusers' own rules."""
    if component == "unet":
        config = {**arch.unet, "class_embed_type": None}
        return single_file.convert_ldm_unet_checkpoint(dict(checkpoint), config)
    if component == "vae":
        return single_file.convert_ldm_vae_checkpoint(dict(checkpoint), arch.vae)
    if component == "text_encoder":
        prefix = "conditioner.embedders.0.transformer."
        return single_file.convert_ldm_clip_checkpoint(dict(checkpoint), remove_prefix=prefix)
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    with torch.device("meta"):
        model = CLIPTextModelWithProjection(CLIPTextConfig(**arch.text[1]))
    prefix = "conditioner.embedders.1.model."
    return single_file.convert_open_clip_checkpoint(model, dict(checkpoint), prefix=prefix)


@pytest.mark.parametrize("component", FOLDERS)
def test_single_file_converts_back_to_the_folder(forms: Path, component: str) -> None:
    expected = load_file(forms / "tiny-diffusers" / FOLDERS[component])
    made = converted(load_file(forms / "tiny.safetensors"), component, tiny())
    made = {name: value for name, value in made.items() if not name.endswith("position_ids")}
    if component == "vae":
        # diffusers squeezes the attention's convolutions when it loads them.
        made = {n: v.squeeze() if v.dim() == 4 and expected[n].dim() == 2 else v
                for n, v in made.items()}
    assert sorted(made) == sorted(expected)
    for name, value in made.items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize("make", [tiny, mid, maker.sdxl])
def test_every_parameter_has_one_place(make) -> None:
    """At every size: as many elements as the networks have, no name twice."""
    arch = make()
    shapes = maker.shapes_of(arch)
    for component, folder in maker.FOLDERS.items():
        blocks = len(arch.vae["block_out_channels"])
        places = maker.names.places(folder, list(shapes[component]), 2, blocks)
        assert len({place.name for place in places}) == len(places)
        assert sorted(s for p in places for s in p.sources) == sorted(shapes[component])


def test_up_samplers_come_after_the_attention(forms: Path) -> None:
    """diffusers' converter reads any slot, so it cannot judge this one: kohya's names for SDXL
    have `output_blocks_2_2_conv`."""
    with safe_open(forms / "tiny.safetensors", framework="pt") as file:
        found = sorted(key for key in file.keys() if key.endswith(".conv.weight"))
    prefix = "model.diffusion_model.output_blocks."
    assert [k for k in found if k.startswith(prefix)] == [
        f"{prefix}2.2.conv.weight", f"{prefix}5.2.conv.weight"]


def test_sdxl_has_the_known_number_of_parameters() -> None:
    counts = {
        component: (len(shapes), sum(torch.Size(s).numel() for s in shapes.values()))
        for component, shapes in maker.shapes_of(maker.sdxl()).items()
    }
    # Stable Diffusion XL base 1.0's files: tensors and elements of each component.
    assert counts["unet"] == (1680, 2567463684)
    assert counts["vae"] == (248, 83653863)
    assert counts["text_1"] == (196, 123060480)
    assert counts["text_2"] == (517, 694659840)


def test_written_files_are_valid_and_pipelines_load_them(forms: Path) -> None:
    from diffusers import StableDiffusionXLPipeline

    folder = forms / "tiny-diffusers"
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True)
    weights = load_file(forms / "tiny-diffusers" / FOLDERS["text_encoder"])
    loaded = pipe.text_encoder.state_dict()
    for name, value in weights.items():
        short = name.removeprefix("text_model.")
        assert torch.equal(loaded[short if short in loaded else name], value)
    assert pipe.tokenizer("a cat").input_ids == [49406, 320, 2368, 49407]
    assert pipe.tokenizer_2.pad_token_id == 0


def test_a_model_is_the_same_in_every_dtype_and_on_every_run(tmp_path: Path, forms: Path) -> None:
    maker.Model(tiny(), 0, torch.bfloat16).single_file(tmp_path / "b.safetensors")
    maker.Model(tiny(), 1, torch.float32).single_file(tmp_path / "other.safetensors")
    maker.Model(tiny(), 0, torch.float32).single_file(tmp_path / "again.safetensors")
    first = (forms / "tiny.safetensors").read_bytes()
    assert (tmp_path / "again.safetensors").read_bytes() == first
    assert (tmp_path / "other.safetensors").read_bytes() != first
    exact, rounded = load_file(forms / "tiny.safetensors"), load_file(tmp_path / "b.safetensors")
    for name, value in exact.items():
        want = value if value.dtype == torch.int64 else value.bfloat16()
        assert torch.equal(rounded[name], want), name


def test_v_prediction_files_carry_their_markers(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    maker.Model(tiny(True), 0, torch.float32).single_file(path, "v")
    with safe_open(path, framework="pt") as file:
        assert {"v_pred", "ztsnr"} <= set(file.keys())


def test_reference_refuses_unknown_fields(tmp_path: Path, forms: Path) -> None:
    (tmp_path / "jobs.json").write_text('[{"name": "a", "promt": "typo"}]', encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(MODELS / "reference.py"), str(forms / "tiny-diffusers"),
         str(tmp_path / "jobs.json"), str(tmp_path / "out")],
        capture_output=True, text=True,
    )
    assert run.returncode != 0
    assert "unknown fields ['promt']" in run.stderr
