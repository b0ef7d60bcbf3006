# SPDX-License-Identifier: MIT OR Apache-2.0
"""The `dgx-pixels` program: what it paints, prints, refuses, and leaves behind.

Most cases use the stub backend (DGX_PIXELS_BACKEND=stub): they are about everything but tensors.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUB = {"DGX_PIXELS_BACKEND": "stub"}
GENERATE = ("generate", "a knight", "-m", "tiny", "--canvas", "64x64", "--steps", "2", "-s", "7",
            "--threads", "1")


@pytest.fixture
def bundle(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may break."""
    return Path(shutil.copytree(tiny / "tiny", tmp_path / "broken"))


def test_paints_with_torch_and_tells_the_recipe(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "knight.png"
    done = cli(*GENERATE, "-o", out, "--json", "--raw", tmp_path / "raw.png")
    assert done.returncode == 0, done.stderr
    [entry] = json.loads(done.stdout)
    assert entry["path"] == str(out) and entry["recipe"]["seed"] == 7
    with Image.open(out) as image:
        assert image.size == (64, 64)
        assert json.loads(image.text["dgx_pixels"]) == entry["recipe"]
        assert image.text["parameters"].startswith("a knight\n")
        assert "Seed: 7" in image.text["parameters"]
    assert Image.open(tmp_path / "raw.png").size == (64, 64)
    first = out.read_bytes()
    assert cli(*GENERATE, "-o", out).returncode == 0
    assert out.read_bytes() == first


def test_several_pictures_get_readable_names(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli(*GENERATE, "-n", "3", "--batch", "2", "-o", f"{tmp_path}/out/", env=STUB)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a-knight-7.png", "a-knight-8.png", "a-knight-9.png"]


def test_size_is_sprite_pixels_and_scale_enlarges(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "small.png"
    done = cli("generate", "a knight", "-m", "tiny", "--size", "16", "--steps", "2", "-s", "7",
               "--scale", "4", "-o", out, env=STUB)
    assert done.returncode == 0, done.stderr
    assert Image.open(out).size == (64, 64)


def test_best_of_keeps_the_candidate_with_the_best_report(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The one that is kept is told, paints itself again, and is no worse than the first."""
    def score(path: Path) -> float:
        return float(json.loads(cli("report", path, "--json").stdout)[0]["report"]["score"])

    done = cli(*GENERATE, "--best-of", "3", "--batch", "2", "-o", tmp_path / "best.png", env=STUB)
    assert done.returncode == 0, done.stderr
    told = re.match(r"seed (\d+) is the best of 3: quality (\d+\.\d)\n", done.stderr)
    assert told, done.stderr
    for name, seed in (("first", 7), ("same", int(told[1]))):
        cli(*GENERATE, "-s", seed, "-o", tmp_path / f"{name}.png", env=STUB)
    assert abs(score(tmp_path / "best.png") - float(told[2])) < 0.06
    assert score(tmp_path / "first.png") <= score(tmp_path / "best.png")
    assert Image.open(tmp_path / "same.png").tobytes() == Image.open(tmp_path / "best.png").tobytes()


def test_presets_expand_and_unknown_ones_list_the_known(cli, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli("generate", "tile", "stone wall", "-m", "tiny", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert "stone wall" in job["prompt"] and job["tiling"] == "xy" and job["unet_passes"] > 0
    done = cli("generate", "dragonfly", "blue", "-m", "tiny", "--dry-run")
    assert done.returncode == 3 and "character" in done.stderr and "tile" in done.stderr


def test_dry_run_needs_no_backend(cli, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli(*GENERATE, "--dry-run", env={"DGX_PIXELS_BACKEND": "/nowhere/backend.so"})
    assert done.returncode == 0, done.stderr


def alter(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def flip(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


def test_altered_program_is_refused(cli, bundle: Path) -> None:  # type: ignore[no-untyped-def]
    program = bundle / "programs/unet.pt.gz"
    program.write_bytes(gzip.compress(flip(gzip.decompress(program.read_bytes()))))
    done = cli("generate", "a", "-m", bundle, env=STUB)
    assert done.returncode == 4 and "unet.pt.gz" in done.stderr and "altered" in done.stderr


def test_untrusted_program_is_refused_until_trusted(cli, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    nobody = {**STUB, "XDG_CONFIG_HOME": str(tmp_path / "nobody")}
    done = cli("generate", "a", "-m", bundle, env=nobody)
    assert done.returncode == 4 and "dgx-pixels trust" in done.stderr
    assert cli("trust", *sorted((bundle / "programs").iterdir()), env=nobody).returncode == 0
    done = cli("generate", "a", "-m", bundle, "--canvas", "64", "--steps", "1", "-o",
               tmp_path / "a.png", env=nobody)
    assert done.returncode == 0, done.stderr


def test_trust_list_of_hashes_is_no_trust(cli, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """An attacker who alters a program and its hash in bundle.json gains nothing."""
    import hashlib

    program = bundle / "programs/unet.pt.gz"
    altered = flip(gzip.decompress(program.read_bytes()))
    program.write_bytes(gzip.compress(altered))
    document = json.loads((bundle / "bundle.json").read_text())
    for entry in document["programs"]:
        if entry["file"] == "programs/unet.pt.gz":
            entry["sha256"] = hashlib.sha256(altered).hexdigest()
    (bundle / "bundle.json").write_text(json.dumps(document))
    done = cli("generate", "a", "-m", bundle, env=STUB)
    assert done.returncode == 4 and "nobody has vouched" in done.stderr


@pytest.mark.parametrize("name,change,part", [
    ("bundle.json", lambda d: d[: len(d) // 2], "bundle.json"),
    ("bundle.json", lambda d: d.replace(b'"format": 1', b'"format": 99'), "99"),
    ("unet/diffusion_pytorch_model.safetensors", lambda d: d[:-4], "diffusion_pytorch_model"),
    ("unet/diffusion_pytorch_model.safetensors", lambda d: struct.pack("<Q", 2**60) + d[8:],
     "diffusion_pytorch_model"),
    ("tokenizer/merges.txt", lambda d: b"\xff\xfe" + d[:100], "merges"),
])
def test_broken_files_are_named(name: str, change: Callable[[bytes], bytes], part: str, cli,  # type: ignore[no-untyped-def]
                                bundle: Path) -> None:
    path = bundle / name
    if not path.exists() and path.with_name(path.name + ".gz").exists():
        path = path.with_name(path.name + ".gz")
    alter(path, change)
    done = cli("generate", "a", "-m", bundle, env=STUB)
    assert done.returncode == 4 and part in done.stderr, done.stderr


def test_missing_program_is_named(cli, bundle: Path) -> None:  # type: ignore[no-untyped-def]
    (bundle / "programs/vae_decoder.pt.gz").unlink()
    done = cli("generate", "a", "-m", bundle, env=STUB)
    assert done.returncode == 3 and "vae_decoder.pt.gz" in done.stderr


def test_other_files_are_named(cli, tmp_path: Path, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    pickle = tmp_path / "old.ckpt"
    pickle.write_bytes(b"\x80\x02}q\x00.")
    done = cli("generate", "a", "-m", pickle, env=STUB)
    assert done.returncode == 4 and "pickle" in done.stderr
    assert cli("generate", "a", "-m", tmp_path / "no.safetensors", env=STUB).returncode == 3
    done = cli("generate", "a", "-m", "no-such-model", env=STUB)
    assert done.returncode == 3 and "dgx-pixels models" in done.stderr


def test_missing_backend_says_where_it_looked(cli, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli(*GENERATE, env={"DGX_PIXELS_BACKEND": "imaginary"})
    assert done.returncode == 6 and "libdgxpixels_imaginary.so" in done.stderr
    assert "/lib" in done.stderr


def test_wrong_torch_is_named(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli(*GENERATE, env={"DGX_PIXELS_TORCH_DIR": str(tmp_path)})
    assert done.returncode == 6 and "DGX_PIXELS_TORCH_DIR" in done.stderr
    real = Path((Path(__file__).parents[2] / "torch.path").read_text().strip())
    (tmp_path / "lib").symlink_to(real / "lib")
    (tmp_path / "version.py").write_text("__version__ = '2.10.1+cu130'\n")
    done = cli(*GENERATE, env={"DGX_PIXELS_TORCH_DIR": str(tmp_path)})
    assert done.returncode == 6 and "2.10.1" in done.stderr and "2.11" in done.stderr


@pytest.mark.parametrize("words,part", [
    (["--steps", "0"], "from 1 to 1000"),
    (["--guidance", "nan"], "from 0 to 100"),
    (["--seed", "-1"], "from 0 to"),
    (["--size", "axb"], "is not a size"),
    (["--sampler", "magic"], "dpmpp-2m"),
    (["--size", "32x"], "is not a size"),
    (["--mask", "m.png"], "--init"),
    (["--nonsense"], "--nonsense"),
    (["two", "three"], "quotes"),
])
def test_wrong_usage_teaches(words: list[str], part: str, cli) -> None:  # type: ignore[no-untyped-def]
    done = cli("generate", "a knight", *words)
    assert done.returncode == 2 and part in done.stderr, done.stderr
    assert not done.stdout


def test_unreadable_init_image_is_named(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    done = cli(*GENERATE, "--init", broken, env=STUB)
    assert done.returncode == 4 and "broken.png" in done.stderr


def test_bad_canvas_names_the_nearest(cli, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli("generate", "a", "-m", "tiny", "--canvas", "100x99", env=STUB)
    assert done.returncode == 2 and "104x96" in done.stderr


def test_full_disk_leaves_nothing(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A file size limit of 0 makes every write fail, as a full disk does."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    out = tmp_path / "out"
    out.mkdir()
    done = cli(*GENERATE, "-o", out / "a.png", env=STUB, preexec_fn=limit)
    assert done.returncode == 5 and "a.png" in done.stderr
    assert not list(out.iterdir())


def test_interrupt_cancels_and_leaves_nothing(build: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [build / "bin/dgx-pixels", "generate", "a", "-m", "tiny", "--canvas", "64", "--steps",
         "1000", "-o", out / "a.png"], stderr=subprocess.PIPE, text=True,
        env={**os.environ, **STUB, "DGXP_STUB_DELAY_MS": "20"})
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=600)
    assert process.returncode == 130 and "cancelled" in text
    assert not list(out.iterdir())


@pytest.mark.parametrize("fault,code", [("oom@2", 7), ("lost@3", 8), ("nan@6", 6)])
def test_backend_faults_are_typed(fault: str, code: int, cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli(*GENERATE, "-o", tmp_path / "a.png", env={**STUB, "DGXP_STUB_FAULT": fault})
    assert done.returncode == code, done.stderr
    assert not (tmp_path / "a.png").exists()


def test_doctor_models_info(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(cli("doctor", "--verify", "--json").stdout)
    assert found["backend"]["name"] == "torch" and found["devices"][0]["id"] == "cpu"
    names = {entry["name"]: entry for entry in json.loads(cli("models", "--json").stdout)}
    assert {"tiny", "tiny-diffusers"} <= set(names)
    # a second model of a name is listed by what --model takes for it, a second way to one is not
    (tmp_path / "more").mkdir()
    (tmp_path / "again").symlink_to(tiny)
    shutil.copy(tiny / "tiny.safetensors", tmp_path / "more")
    listed = json.loads(cli("models", "--json", env={
        "DGX_PIXELS_MODELS": f"{tiny}:{tmp_path}/more:{tmp_path}/again"}).stdout)
    assert [entry["name"] for entry in listed][:4] == [
        "tiny", "tiny-diffusers", str(tiny / "tiny.safetensors"),
        str(tmp_path / "more/tiny.safetensors")]
    about = json.loads(cli("info", tiny / "tiny.safetensors", "--json").stdout)
    assert about["type"] == "checkpoint" and about["dtype"] == "F32"
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=80)
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=80)
    for suffix in ("gif", "png"):
        about = json.loads(cli("info", tmp_path / f"a.{suffix}", "--json").stdout)
        assert [about[key] for key in ("type", "width", "frames", "duration_ms")] == [suffix, 8, 2, 160]
    frames[0].save(tmp_path / "a.jpg")
    done = cli("info", tmp_path / "a.jpg")
    assert "8" in done.stdout and done.returncode == 0, done.stderr
    about = json.loads(cli("info", tmp_path / "a.jpg", "--json").stdout)
    assert [about[key] for key in ("type", "width")] == ["jpeg", 8]
    (tmp_path / "a.json").write_text("{}")
    done = cli("info", tmp_path / "a.json")
    assert done.returncode == 4 and "no index of a model" in done.stderr
    done = cli("info", tmp_path / "nothing")
    assert done.returncode == 3


def test_strength_needs_a_picture(cli) -> None:  # type: ignore[no-untyped-def]
    done = cli("generate", "a fox", "--strength", "0.5", "-o", "x.png")
    assert done.returncode == 2 and "--init" in done.stderr


def test_every_command_teaches(cli) -> None:  # type: ignore[no-untyped-def]
    overview = cli("--help").stdout
    commands = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")
                and line.split()[0].isalpha() and not line.startswith("  dgx-pixels")]
    assert {"generate", "info", "models", "trust", "bench", "doctor"} <= set(commands)
    for command in commands:
        done = cli(command, "--help")
        assert done.returncode == 0 and "usage: dgx-pixels" in done.stdout, command


def test_bench_prints_its_targets(cli, tiny: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli("bench", "-m", "tiny", "--canvas", "64", "--steps", "1", "-n", "2", env=STUB)
    assert done.returncode == 0 and "target 3-5 s" in done.stdout and "20-30" in done.stdout


@pytest.mark.parametrize("change,part", [
    (lambda text: text[0].update(context=10), "must agree"),
    (lambda text: text[1].update(pooled=4096), "pooled"),
])
def test_encoders_that_disagree_are_refused(change: Callable[[list], None], part: str, cli,  # type: ignore[no-untyped-def]
                                            bundle: Path) -> None:
    """bundle.json is data that nobody vouched for: its numbers must not reach past an array."""
    document = json.loads((bundle / "bundle.json").read_text())
    change(document["text"])
    (bundle / "bundle.json").write_text(json.dumps(document))
    done = cli("generate", "a", "-m", bundle, env=STUB)
    assert done.returncode == 4 and part in done.stderr


def test_trust_list_is_never_lost(cli, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    home = {**STUB, "XDG_CONFIG_HOME": str(tmp_path / "home")}
    listed = tmp_path / "home/dgx-pixels/trusted-programs"
    programs = sorted((bundle / "programs").iterdir())
    assert cli("trust", programs[0], env=home).returncode == 0
    listed.write_text(listed.read_text().rstrip("\n"))  # as an editor may leave it
    assert cli("trust", *programs[1:], env=home).returncode == 0
    assert len(listed.read_text().splitlines()) == len(programs)
    forged = tmp_path / ("a\n" + "0" * 64 + ".pt.gz")
    forged.write_bytes(gzip.compress(flip(gzip.decompress(programs[0].read_bytes()))))
    assert cli("trust", forged, env=home).returncode == 0
    assert not any(line.startswith("0" * 64) for line in listed.read_text().splitlines())


def test_pipes_are_refused_not_waited_for(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    os.mkfifo(tmp_path / "x.png")
    done = cli(*GENERATE, "--init", tmp_path / "x.png", env=STUB, timeout=600)
    assert done.returncode == 2 and "pipe" in done.stderr


def test_folder_of_notes_is_no_model(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """It is passed over where the default model is looked for, and refused when it is named."""
    for name in ("starter", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text("a card without weights")
    alone = {**STUB, "DGX_PIXELS_MODELS": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = cli("generate", "a", "-s", "1", "-o", tmp_path / "a.png", "--json", env=alone)
    if (ROOT / "models/starter/bundle.json").exists():
        recipe = json.loads(done.stdout)[0]["recipe"]
        assert done.returncode == 0 and recipe["model"]["architecture"] == "starter"
    else:
        assert done.returncode == 3 and "--model" in done.stderr
    done = cli("generate", "a", "-m", "notes", env=alone)
    assert done.returncode == 3 and "--model" in done.stderr


def test_devices_are_written_to_and_never_replaced(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    assert cli(*GENERATE, "-o", pipe, env=STUB, timeout=600).returncode == 0
    assert reader.communicate(timeout=600)[0].startswith(b"\x89PNG")
    assert pipe.is_fifo()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real.png")
    (tmp_path / "real.png").write_bytes(b"old")
    assert cli(*GENERATE, "-o", link, env=STUB).returncode == 0
    assert link.is_symlink() and (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words,code,part", [
    (["-o", "nowhere/x.png"], 3, "nowhere"),
    (["-o", "x.jpg"], 2, "PNG"),
    (["--raw", "x.gif"], 2, "PNG"),
])
def test_outputs_are_checked_before_painting(words: list[str], code: int, part: str, cli,  # type: ignore[no-untyped-def]
                                             tiny: Path, tmp_path: Path) -> None:
    done = cli(*GENERATE, *words, env={**STUB, "DGXP_STUB_DELAY_MS": "60000"}, cwd=tmp_path,
               timeout=600)
    assert done.returncode == code and part in done.stderr


def test_blank_subjects_are_refused(cli) -> None:  # type: ignore[no-untyped-def]
    assert cli("generate", "  ").returncode == 2


def test_checkpoints_in_folders_below_are_found(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """By name, also listed; a name that two of them have is refused with both."""
    models = tmp_path / "models"
    below = models / "checkpoints/sdxl/pixel"
    below.mkdir(parents=True)
    (models / "tiny").symlink_to(tiny / "tiny")  # its programs
    (below / "mine.safetensors").symlink_to(tiny / "tiny.safetensors")
    env = {"DGX_PIXELS_MODELS": str(models)}
    listed = json.loads(cli("models", "--json", env=env).stdout)
    assert any(entry["path"] == str(below / "mine.safetensors") for entry in listed)
    done = cli("generate", "x", "-m", "mine", "--dry-run", "--json", env=env)
    assert done.returncode == 0, done.stderr
    (models / "checkpoints/mine.safetensors").symlink_to(tiny / "tiny.safetensors")
    assert "twice" not in cli("generate", "x", "-m", "mine", "--dry-run", env=env).stderr, "it lies nearer"
    (models / "checkpoints/mine.safetensors").rename(models / "checkpoints/other.safetensors")
    other = models / "checkpoints/old"
    other.mkdir()
    (other / "mine.safetensors").symlink_to(tiny / "tiny.safetensors")
    done = cli("generate", "x", "-m", "mine", "--dry-run", env=env)
    assert done.returncode != 0 and "sdxl/pixel/mine" in done.stderr and "old/mine" in done.stderr
