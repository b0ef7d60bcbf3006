# SPDX-License-Identifier: MIT OR Apache-2.0
"""The exporter of programs, and the programs that ship with the library."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/models"), str(ROOT / "bindings/python")]

import maker  # noqa: E402
from dgx_pixels.programs import archive, bundle, verify  # noqa: E402
from dgx_pixels.programs.__main__ import main  # noqa: E402
from dgx_pixels.programs.architecture import from_folder  # noqa: E402
from make_tiny import tiny  # noqa: E402
from safetensors import safe_open  # noqa: E402

SHIPPED = ROOT / "models/sdxl"


def export(*words: object, code: str = "") -> subprocess.CompletedProcess[str]:
    how = ["-c", code] if code else ["-m", "dgx_pixels.programs"]
    return subprocess.run(
        [sys.executable, *how, *map(str, words)], text=True, check=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python")},
    )


def files_of(folder: Path, component: str) -> dict[str, Path]:
    return {
        program["tiling"]: folder / program["file"]
        for program in bundle.read(folder)["programs"]
        if program["component"] == component
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a bundle, with one seamless variant."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    maker.Model(tiny(), 0, torch.float32).diffusers_folder(folder)
    export(folder, "--from", folder, "--tilings", "none,x")
    return folder


def test_parameters_are_named_as_the_files_on_disk(made: Path) -> None:
    parameters: dict[str, dict[str, list[int]]] = {}
    for component, name in maker.FOLDERS.items():
        listed = parameters.setdefault(name, {})
        for half in ("vae_encoder", "vae_decoder") if component == "vae" else (component,):
            program = archive.load(files_of(made, half)["none"])
            assert not list(program.named_buffers())
            listed.update({n: list(p.shape) for n, p in program.named_parameters()})
    for name, listed in parameters.items():
        (path,) = (made / name).glob("*.safetensors")
        with safe_open(path, framework="pt") as file:
            assert {k: file.get_slice(k).get_shape() for k in file.keys()} == listed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("component", ["text_1", "text_2", "unet", "vae_decoder", "vae_encoder"])
def test_one_program_serves_every_dtype_and_shape(
    made: Path, full: bool, component: str, dtype: torch.dtype
) -> None:
    arch, files = from_folder(made, "tiny"), files_of(made, component)
    limit = None if full else 2 if dtype == torch.float32 else 1
    if dtype != torch.float32 and not full:
        files = {"none": files["none"]}
    for tiling, case, worst, size in verify.compare(arch, component, files, dtype, limit=limit):
        # Without tiling the operations are the same; with it the reference pads by other means,
        # so a convolution may add in another order.
        bound = 0.0 if tiling == "none" else 32 * size * torch.finfo(dtype).eps
        assert size > 0.1, (tiling, case)
        assert worst <= bound, (tiling, case)


def test_the_comparison_can_fail(made: Path) -> None:
    """A program of other weights, or of another tiling, is not taken for the right one."""
    arch = from_folder(made, "tiny")
    files = files_of(made, "unet")
    rows = verify.compare(arch, "unet", {"x": files["none"]}, torch.float32, limit=1)
    assert min(worst for _, _, worst, _ in rows) > 1e-3
    rows = verify.compare(replace(arch, hidden_layer=-3), "text_1", files_of(made, "text_1"),
                          torch.float32)
    assert min(worst for _, _, worst, _ in rows) > 1e-3


def test_a_seamless_picture_wraps(made: Path) -> None:
    """Rolled along x, latents give the rolled picture; without tiling they do not."""
    vae = maker.Model(tiny(), 0, torch.float32)
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    difference = {}
    for tiling, path in files_of(made, "vae_decoder").items():
        program = archive.load(path)
        for name, parameter in program.named_parameters():
            parameter.data = vae.value("vae", name)
        with torch.inference_mode():
            rolled = program(latents.roll(5, 3))
            expected = program(latents).roll(5 * 8, 3)
        difference[tiling] = float((rolled - expected).abs().max())
    assert difference["x"] < 1e-4 < 1e-2 < difference["none"]


WITHOUT_LOCKS = """
import _multiprocessing, runpy, sys
class Full(_multiprocessing.SemLock):
    def __new__(cls, *_, **__):
        raise OSError(28, "No space left on device")  # what a full /dev/shm answers
_multiprocessing.SemLock = Full
sys.argv[0] = "programs"
runpy.run_module("dgx_pixels.programs", run_name="__main__")
"""


def test_exports_are_the_same_on_every_run(made: Path, tmp_path: Path) -> None:
    """One at a time, on a machine whose /dev/shm is full, too."""
    maker.link_tree(made, tmp_path / "tiny")
    export(tmp_path / "tiny", "--from", made, "--tilings", "none", "--jobs", "1", code=WITHOUT_LOCKS)
    first = {p["file"]: p for p in bundle.read(made)["programs"]}
    for program in bundle.read(tmp_path / "tiny")["programs"]:
        assert program == first[program["file"]]


def test_bundle_describes_what_is_there(made: Path) -> None:
    document = bundle.read(made)
    for program in document["programs"]:
        data = archive.unpack(made / program["file"])
        assert (len(data), archive.digest(data)) == (program["size"], program["sha256"])
    assert document["kind"] == "model" and document["dtype"] == "f32"
    assert [encoder["pad"] for encoder in document["text"]] == [49407, 0]
    assert [encoder["pooled"] for encoder in document["text"]] == [0, 20]
    listed = {entry["path"] for entry in document["files"]}
    assert {"unet/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt"} <= listed


def test_another_architecture_of_the_family(tmp_path: Path) -> None:
    """One text encoder, a small vocabulary, RGBA, a VAE of factor 4, a UNet with one halving."""
    arch = tiny()
    first = {**arch.text[0], "vocab_size": 40, "max_position_embeddings": 24, "bos_token_id": 37,
             "eos_token_id": 38, "pad_token_id": 39}
    unet = {
        **arch.unet, "sample_size": 8, "in_channels": 6, "out_channels": 6,
        "block_out_channels": [16, 32], "layers_per_block": 1, "attention_head_dim": [2, 4],
        "transformer_layers_per_block": [1, 1], "cross_attention_dim": 16,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "projection_class_embeddings_input_dim": 16 + 6 * 8,
    }
    vae = {
        **arch.vae, "in_channels": 4, "out_channels": 4, "latent_channels": 6, "sample_size": 32,
        "block_out_channels": [16, 16, 32], "layers_per_block": 1, "scaling_factor": 0.9,
        "down_block_types": ["DownEncoderBlock2D"] * 3, "up_block_types": ["UpDecoderBlock2D"] * 3,
        "force_upcast": False, "mid_block_add_attention": False,
    }
    folder = tmp_path / "small"
    for name, settings in (("unet", unet), ("vae", vae), ("text_encoder", first)):
        maker.write_json(folder / name / "config.json", settings)
    scheduler = {**arch.scheduler, "prediction_type": "v_prediction",
                 "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    maker.write_json(folder / "scheduler/scheduler_config.json", scheduler)
    tokens = {f"t{i}": i for i in range(37)} | {"<b>": 37, "<e>": 38, "<p>": 39}
    maker.write_json(folder / "tokenizer/vocab.json", tokens)
    special = {"bos_token": "<b>", "eos_token": {"content": "<e>"}, "pad_token": "<p>"}
    maker.write_json(folder / "tokenizer/tokenizer_config.json", special)
    weights = [("conv_in.weight", torch.float16, [1], lambda: torch.zeros(1))]
    maker.write_safetensors(folder / "unet/diffusion_pytorch_model.safetensors", weights, {})
    changes = tmp_path / "set.json"
    maker.write_json(changes, {"pixel_scale": 1, "defaults": {"steps": 12}})
    output = export(folder, "--from", folder, "--tilings", "none", "--set", changes,
                    "--verify", "f32").stdout
    assert "TOO FAR" not in output and "vae_decoder  none  f32" in output

    document = bundle.read(folder)
    assert [p["component"] for p in document["programs"]] == [
        "text_1", "unet", "vae_decoder", "vae_encoder"]
    assert (document["image_channels"], document["latent_channels"]) == (4, 6)
    assert document["canvas"] == {"native": [32, 32], "multiple": 4, "min": 32, "max": 256}
    assert document["prediction"] == "v" and document["schedule"]["zero_terminal_snr"]
    assert document["dtype"] == "f16" and document["vae"]["f16_safe"]
    assert document["pixel_scale"] == 1 and document["defaults"]["steps"] == 12
    assert document["defaults"]["sampler"] == "euler"
    (encoder,) = document["text"]
    assert (encoder["bos"], encoder["eos"], encoder["pad"], encoder["pooled"]) == (37, 38, 39, 16)
    assert document["pooled_width"] == 16 and document["context_width"] == 16


def test_wrong_settings_are_named(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="hidden layer -9 does not exist"):
        main([str(out), "--from", str(made), "--hidden-layer", "-9"])
    assert main([str(out), "--tilings", "z"]) == 2
    assert main([]) == 2
    broken = tmp_path / "broken"
    shutil.copytree(made, broken, ignore=shutil.ignore_patterns("programs", "*.safetensors"))
    settings = json.loads((broken / "unet/config.json").read_text())
    for field, value, sentence in (("in_channels", 9, "9 channels in"),
                                   ("addition_embed_type", None, "addition_embed_type is None")):
        maker.write_json(broken / "unet/config.json", {**settings, field: value})
        with pytest.raises(ValueError, match=sentence):
            main([str(out), "--from", str(broken)])
    maker.write_json(broken / "tokenizer/special_tokens_map.json", {"pad_token": "<none>"})
    maker.write_json(broken / "tokenizer/tokenizer_config.json", {})
    with pytest.raises(ValueError, match="bos_token is None, which vocab.json does not hold"):
        main([str(out), "--from", str(broken)])
    assert not out.exists()


def test_shipped_programs_are_those_that_the_library_trusts(tmp_path: Path) -> None:
    document = bundle.read(SHIPPED)
    for program in document["programs"]:
        data = archive.unpack(SHIPPED / program["file"])
        assert (len(data), archive.digest(data)) == (program["size"], program["sha256"])
    assert len(document["programs"]) == 11
    listed = (ROOT / "src/diffusion/trusted_programs.inc").read_text()
    folders = [f.parent for f in sorted((ROOT / "models").glob("*/bundle.json"))]
    assert listed == bundle.trusted_rows(folders)
    with pytest.raises(ValueError, match="its hash is not"):
        bundle.trusted_rows([broken_copy(SHIPPED, tmp_path)])


def broken_copy(folder: Path, copy: Path) -> Path:
    """The folder's description over programs that are not the described ones."""
    maker.link_tree(folder, copy)
    target = copy / "programs/text_1.pt.gz"
    target.unlink()
    target.write_bytes((folder / "programs/text_2.pt.gz").read_bytes())
    return copy


def test_shipped_files_are_small_and_name_no_machine() -> None:
    sizes = {path: path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 4_000_000
    for path in sizes:
        data = archive.unpack(path)
        assert not any(word in data for word in (b"/home/", b"/work/", b"site-packages", b"/tmp/"))
    assert (SHIPPED / "NOTICE").read_text().count("Apache License 2.0") == 2


def test_shipped_programs_have_sdxl_parameters() -> None:
    shapes = maker.shapes_of(maker.sdxl())
    for program in bundle.read(SHIPPED)["programs"]:
        if program["tiling"] != "none":
            continue  # made with the same parameters, which the exporter checks
        component = "vae" if program["component"].startswith("vae") else program["component"]
        loaded = archive.load(SHIPPED / program["file"])
        listed = {name: list(p.shape) for name, p in loaded.named_parameters()}
        assert listed and listed.items() <= shapes[component].items()
        if component != "vae":
            assert listed == shapes[component]


def test_shipped_merges_give_open_clips_vocabulary() -> None:
    from open_clip.tokenizer import SimpleTokenizer

    text = gzip.decompress((SHIPPED / "tokenizer/merges.txt.gz").read_bytes()).decode()
    head, *merges = text.removesuffix("\n").split("\n")
    assert head.startswith("#version") and len(merges) == 48894
    letters = list(dict(SimpleTokenizer().byte_encoder).values())
    tokens = letters + [x + "</w>" for x in letters] + ["".join(m.split()) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    theirs = SimpleTokenizer().encoder
    renamed = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    assert {renamed.get(k, k): v for k, v in theirs.items()} == {t: i for i, t in enumerate(tokens)}


def test_bundle_text_is_json(made: Path) -> None:
    text = (made / "bundle.json").read_text()
    assert bundle.to_text(json.loads(text)) == text
    assert max(map(len, text.splitlines())) <= 130
