# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels regen`: the same bytes again, on torch and the tiny model; altered inputs are named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from safetensors import safe_open
from safetensors.numpy import save_file

TORCH = {"DGX_PIXELS_BACKEND": "torch"}
STUB = {"DGX_PIXELS_BACKEND": "stub"}
SAMPLERS = ["euler", "euler-a", "dpmpp-2m", "dpmpp-2m-sde", "ddim", "lcm", "tcd"]
LONG = ", ".join(f"detail {i}" for i in range(40))  # more tokens than one chunk holds


def varied(count: int) -> list[dict]:
    """Requests that differ in everything that a recipe can hold, in batches of four."""
    rng = random.Random(5)
    found = []
    for i in range(count):
        settings = {
            "sampler": SAMPLERS[i // 4 % 7], "steps": 2 + i // 4 % 3,
            "guidance": [1, 3.5, 7][i // 4 % 3], "tiling": ["none", "x", "y", "xy"][i // 8 % 4],
            "size": [[64, 64], [32, 32], [16, 24]][i // 4 % 3],
        }
        if i // 4 % 4 == 1:
            settings |= {"guidance_rescale": 0.5, "cfg_stop": 0.6}
        text = [f"a (red:1.3) slime {i}", f"[dark] bat {i}, {LONG}", f"knight {i} BREAK castle",
                f"potion {i}"][i % 4]
        found.append({"subject": text, "negative_prompt": ["", "blurry"][i // 2 % 2],
                      "seed": rng.randrange(2**53), **settings})
    return found


def test_regen_is_byte_identical(cli, tiny: Path, tmp_path: Path, full: bool,  # type: ignore[no-untyped-def]
                                 evidence: Callable[[str, int, str], None]) -> None:
    count = 64 if full else 8
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in varied(count)))
    out = tmp_path / "out"
    done = cli("batch", tmp_path / "a.jsonl", "-o", out, "-m", "tiny", "--batch", "4", "--scale",
               "2", "--threads", "1", "-q", env=TORCH, timeout=7200)
    assert done.returncode == 0, done.stderr
    files = sorted(out.glob("*.png"))
    assert len(files) == count
    chunks = {json.loads(Image.open(path).text["dgx_pixels"])["batch"]["chunks"] for path in files}
    assert chunks != {1}, "some prompt has more than one chunk, and is a part of its own"
    done = cli("regen", *files, "--json", "-q", env=TORCH, timeout=7200)
    assert done.returncode == 0, done.stderr
    assert [entry["identical"] for entry in json.loads(done.stdout)] == [True] * count
    evidence("regen: varied recipes painted again from their PNG", count, "byte-identical")


@pytest.fixture
def painted(cli, tiny: Path, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    path = tmp_path / "slime.png"
    done = cli("generate", "slime", "-m", "tiny", "--canvas", "64", "--steps", "2", "-s", "3", "-o",
               path, env=STUB)
    assert done.returncode == 0, done.stderr
    return path


def alter(path: Path, change: Callable[[dict], None]) -> Path:
    """The picture with another recipe in its metadata."""
    with Image.open(path) as image:
        recipe = json.loads(image.text["dgx_pixels"])
        change(recipe)
        texts = PngImagePlugin.PngInfo()
        texts.add_text("dgx_pixels", json.dumps(recipe))
        other = path.with_name("altered.png")
        image.save(other, pnginfo=texts)
    return other


@pytest.mark.parametrize("change,part", [
    (lambda r: r["model"].update(sha256="0" * 64), "another model"),
    (lambda r: r["model"].update(programs="1" * 64), "another programs"),
    (lambda r: r["model"].update(prediction="v"), "another prediction"),
    (lambda r: r["model"].update(architecture="sdxl"), "another architecture"),
    (lambda r: r.update(init_pixels="2" * 64), "init image is missing"),
    (lambda r: r.update(mask_pixels="2" * 64), "mask is missing"),
])
def test_each_altered_hash_is_named(change: Callable[[dict], None], part: str, cli, painted: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli("regen", alter(painted, change), env=STUB)
    assert done.returncode == 4 and part in done.stderr, done.stderr
    assert "differs: " in done.stderr
    forced = cli("regen", alter(painted, change), "--force", env=STUB)
    assert forced.returncode in (0, 1), forced.stderr


def test_altered_weights_are_named(cli, bundle_copy: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture = tmp_path / "a.png"
    words = ("-m", bundle_copy)
    assert cli("generate", "a", *words, "--canvas", "64", "--steps", "1", "-o", picture,
               env=STUB).returncode == 0
    assert cli("regen", picture, *words, env=STUB).returncode == 0
    weights = bundle_copy / "vae/diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    done = cli("regen", picture, *words, env=STUB)
    assert done.returncode == 4 and "another model" in done.stderr


@pytest.fixture
def style(tiny: Path, tmp_path: Path) -> Path:
    """A LoRA of one module in a folder that models are looked for in."""
    with safe_open(tiny / "tiny-diffusers/unet/diffusion_pytorch_model.safetensors", "np") as unet:
        name = next(key for key in unet.keys() if key.endswith("attn1.to_q.weight"))
        rows, columns = unet.get_slice(name).get_shape()
    module = f"unet.{name.removesuffix('.weight')}"
    path = tmp_path / "mine/loras/style.safetensors"
    path.parent.mkdir(parents=True)
    draw = np.random.default_rng(3)
    save_file({f"{module}.lora_A.weight": draw.normal(size=(2, columns)).astype("float32"),
               f"{module}.lora_B.weight": draw.normal(size=(rows, 2)).astype("float32")}, path)
    return path


def test_an_altered_lora_is_named(cli, tiny: Path, style: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture = tmp_path / "a.png"
    env = {**STUB, "DGX_PIXELS_MODELS": f"{style.parents[1]}:{tiny}"}
    words = ("slime", "-m", "tiny", "--canvas", "64", "--steps", "1", "-s", "3", "-o", picture)
    done = cli("generate", *words, "--lora", "style:0.8", env=env)
    assert done.returncode == 0, done.stderr
    done = cli("regen", picture, env=env)
    assert done.returncode == 0, done.stderr
    data = bytearray(style.read_bytes())
    data[-1] ^= 1
    style.write_bytes(data)
    done = cli("regen", picture, env=env)
    assert done.returncode == 4 and "another LoRA 'style'" in done.stderr, done.stderr
    assert "differs: LoRA 'style': recipe" in done.stderr
    forced = cli("regen", picture, "--force", env=env)
    assert forced.returncode in (0, 1) and "differs: LoRA 'style'" in forced.stderr
    style.unlink()
    done = cli("regen", picture, env=env)
    assert done.returncode in (3, 4) and "style" in done.stderr


def test_an_altered_palette_is_named_and_harmless(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The recipe holds the colors: the same bytes come out, and the change is told."""
    colors, picture = tmp_path / "mine.hex", tmp_path / "a.png"
    colors.write_text("101010\nf0e0d0\n806040\n")
    done = cli("generate", "item", "slime", "-m", "tiny", "--size", "16", "--steps", "1", "-s", "3",
               "--palette", colors, "-o", picture, env=STUB)
    assert done.returncode == 0, done.stderr
    assert "palette" not in cli("regen", picture, env=STUB).stderr
    colors.write_text("101010\nf0e0d0\n806041\n")
    done = cli("regen", picture, env=STUB)
    assert done.returncode == 0 and "palette" in done.stderr and "mine.hex" in done.stderr
    colors.unlink()
    assert cli("regen", picture, env=STUB).returncode == 0


def test_a_deployed_file_has_its_recipe_in_its_project(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    game = tmp_path / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    done = cli("generate", "item", "slime", "-m", "tiny", "--size", "16", "--steps", "1", "-s", "3",
               "-o", tmp_path / "slime.png", "--deploy", env=STUB, cwd=game)
    assert done.returncode == 0, done.stderr
    deployed = game / "assets/sprites/slime.png"
    with Image.open(deployed) as image:
        assert not image.text
    done = cli("regen", deployed, "-o", tmp_path / "again.png", env=STUB)
    assert done.returncode == 0 and "the same, byte for byte" in done.stdout, done.stderr
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "slime.png").read_bytes()
    sidecar = game / "dgx-pixels.recipes/sprites/slime.json"
    # load_folder("sprites") of a game finds pictures there and their .meta, and nothing else.
    assert {path.name for path in deployed.parent.iterdir()} == {"slime.png", "slime.png.meta"}
    altered = json.loads(sidecar.read_text())
    altered["recipe"]["seed"] = 4
    sidecar.write_text(json.dumps(altered))
    done = cli("regen", deployed, env=STUB)
    assert done.returncode == 1 and "DIFFERS" in done.stdout
    altered["format"] = 2
    sidecar.write_text(json.dumps(altered))
    done = cli("regen", deployed, env=STUB)
    assert done.returncode == 4 and "recipes/sprites/slime.json" in done.stderr and "format" in done.stderr
    sidecar.unlink()
    assert cli("regen", deployed, env=STUB).returncode == 3


@pytest.fixture
def bundle_copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny / "tiny", tmp_path / "copy"))


def test_from_a_picture(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    init, mask, out = (tmp_path / name for name in ("init.png", "mask.png", "out.png"))
    Image.effect_noise((64, 64), 90).convert("RGB").save(init)
    Image.linear_gradient("L").resize((64, 64)).save(mask)
    done = cli("generate", "slime", "-m", "tiny", "--canvas", "64", "--steps", "4", "--init", init,
               "--strength", "0.6", "--mask", mask, "-o", out, env=TORCH)
    assert done.returncode == 0, done.stderr
    assert cli("regen", out, "--init", init, "--mask", mask, env=TORCH).returncode == 0
    done = cli("regen", out, "--init", init, env=TORCH)
    assert done.returncode == 4 and "mask is missing" in done.stderr
    done = cli("regen", out, "--init", mask, "--mask", mask, env=TORCH)
    assert done.returncode == 4 and "another init image" in done.stderr


def test_changes(cli, painted: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = tmp_path / "other.png"
    done = cli("regen", painted, "--set", "seed=4", "--set", "size=16", "-o", other, env=STUB)
    assert done.returncode == 0, done.stderr
    with Image.open(other) as image:
        recipe = json.loads(image.text["dgx_pixels"])
        assert image.size == (16, 16) and recipe["seed"] == 4 and recipe["prompt"] == "slime"
    done = cli("regen", painted, "--set", "stpes=4", "-o", other, env=STUB)
    assert done.returncode == 4 and "stpes" in done.stderr
    assert cli("regen", painted, "--set", "seed=4").returncode == 2
    done = cli("regen", painted, "--set", "seed=4", "-o", f"{tmp_path}/new/deep/", env=STUB)
    assert done.returncode == 0 and (tmp_path / "new/deep" / painted.name).exists(), done.stderr
    assert cli("regen", painted, "-o", tmp_path / "x.jpg", env=STUB).returncode == 2


def test_other_pictures_are_named(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    done = cli("regen", tmp_path / "plain.png", env=STUB)
    assert done.returncode == 3 and "no recipe" in done.stderr and "plain.png" in done.stderr
