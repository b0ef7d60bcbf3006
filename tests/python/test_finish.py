# SPDX-License-Identifier: MIT OR Apache-2.0
"""What becomes of a plain prompt: the model's own pixel steps, in every face and in a recipe."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dgxp import Library
from PIL import Image

STARTER = Path(__file__).resolve().parents[2] / "models/starter"
STUB = {"DGX_PIXELS_BACKEND": "stub"}
PROMPT = "red dragon"
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

starter = pytest.mark.skipif(not (STARTER / "bundle.json").exists(),
                             reason="models/starter holds no weights")


def generate(cli: Cli, out: Path, *words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    done = cli("generate", PROMPT, "-s", 7, "-o", out, *words, **options)
    assert done.returncode == 0, done.stderr
    return done


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGBA"))


def colours(image: np.ndarray) -> int:
    return len(np.unique(image[image[..., 3] == 255], axis=0))


def recipe(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        return json.loads(image.text["dgx_pixels"])  # type: ignore[attr-defined,no-any-return]


def passes(cli: Cli, path: Path) -> bool:
    return bool(json.loads(cli("report", path, "--json").stdout)[0]["report"]["pass"])


@starter
def test_a_plain_prompt_comes_out_finished(cli: Cli, tmp_path: Path) -> None:
    """The report, which knows nothing of how a picture was made, passes it and fails the painted one."""
    finished, painted, canvas = (tmp_path / f"{name}.png" for name in ("finished", "painted", "canvas"))
    assert not generate(cli, finished, "--raw", canvas).stderr
    assert pixels(finished).shape == (32, 32, 4)
    assert set(np.unique(pixels(finished)[..., 3])) <= {0, 255} and 2 <= colours(pixels(finished)) <= 16
    assert passes(cli, finished)
    assert recipe(finished)["finish"] == {"background": "keep", "colors": 16}
    assert not generate(cli, painted, "--as-painted").stderr
    hard = pixels(canvas).copy()
    hard[..., 3] = np.where(hard[..., 3] < 128, 0, 255)
    hard[hard[..., 3] == 0] = 0
    assert (pixels(painted) == hard).all() and colours(hard) > 64
    assert not passes(cli, painted) and "finish" not in recipe(painted)


@starter
def test_the_report_passes_plain_prompts(cli: Cli, tmp_path: Path, full: bool,
                                         evidence: Callable[[str, int, str], None]) -> None:
    """Words as people type them, with a kind's name at the end and without."""
    prompts = ["red dragon", "grass, tile", "blue potion", "old wizard, character", "medieval knight",
               "stone wall, tile", "iron sword, item", "green slime, monster", "fireball, effect", "knight sprite",
               "a small wooden house", "golden key"][:None if full else 4]
    wishes = [{"prompt": prompt, "seed": 7 + seed} for prompt in prompts for seed in range(2 if full else 1)]
    passed = []
    for bare in (False, True):
        source, out = tmp_path / f"{bare}.jsonl", tmp_path / f"out-{bare}"
        source.write_text("".join(json.dumps({**wish, "as_painted": bare}) + "\n" for wish in wishes))
        done = cli("batch", source, "--output", out, "--batch", 8)
        assert done.returncode == 0, done.stderr
        reports = json.loads(cli("report", *sorted(out.glob("*.png")), "--json").stdout)
        passed.append(sum(each["report"]["pass"] for each in reports))
    evidence("starter: plain prompts that the quality report passes, finished / as painted", len(wishes),
             f"{passed[0]} / {passed[1]}")
    assert passed[0] == len(wishes) > passed[1]


@starter
def test_all_doors_of_the_library_finish_alike(build: Path, cli: Cli, tmp_path: Path) -> None:
    """A job of the C interface, a request, and a line of a batch: what the command line paints."""
    generate(cli, tmp_path / "a.png")
    library = Library(build)
    with library.open(STARTER, device="cpu") as model:
        job = model.generate(library.job(PROMPT, seed=7))[0]
        asked = model.generate(library.request(model, prompt=PROMPT, seed=7))[0]
        bare = model.generate(library.request(model, prompt=PROMPT, seed=7, as_painted=True))[0]
    wishes = tmp_path / "wishes.jsonl"
    wishes.write_text(json.dumps({"prompt": PROMPT, "seed": 7}) + "\n")
    assert cli("batch", wishes, "--output", tmp_path / "out").returncode == 0
    line = pixels(next((tmp_path / "out").glob("*.png")))
    ours = pixels(tmp_path / "a.png")
    for image in (np.asarray(job.image), np.asarray(asked.image), line):
        assert (image == ours).all()
    assert colours(np.asarray(bare.image)) > 64


@starter
@pytest.mark.parametrize("words,steps", [
    (("--colors", 5), {"background": "keep", "colors": 5}),
    (("--background", "auto"), {"background": "auto", "colors": 16}),
    (("--palette", "pico-8"), {"background": "keep", "colors": 16, "palette": "pico-8"}),
    (("--palette", "pico-8", "--as-painted"), None)])
def test_what_is_asked_for_wins(cli: Cli, words: tuple[object, ...], steps: dict[str, Any] | None) -> None:
    done = cli("generate", PROMPT, *words, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout).get("finish")
    if found and "palette" in found:
        found["palette"] = found["palette"]["name"]
    assert found == steps


@starter
def test_a_null_takes_out_a_step_of_the_model(build: Path) -> None:
    library = Library(build)
    with library.open(STARTER, describe_only=1) as model:
        kept = library.request(model, prompt=PROMPT, finish={"colors": None, "orphans": True})
        described = library.document("dgxp_job_describe", kept.handle, model.handle)
        kind = library.request(model, kind="tile", subject="stone wall")
        tile = library.document("dgxp_job_describe", kind.handle, model.handle)
    assert described["finish"] == {"background": "keep", "orphans": True}
    assert tile["finish"] == {"background": "keep", "colors": 16}  # the preset's own, nothing under it


@starter
@pytest.mark.parametrize("words", [(), ("--as-painted",), ("--colors", 5)])
def test_a_recipe_is_whole(cli: Cli, tmp_path: Path, words: tuple[object, ...]) -> None:
    """Byte for byte, also a picture without steps, as those from before a model had its own."""
    picture = tmp_path / "a.png"
    generate(cli, picture, *words)
    done = cli("regen", picture, "-o", tmp_path / "b.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.png").read_bytes() == picture.read_bytes()


def test_a_model_without_steps_paints_as_before_and_says_so(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    words = ("-m", "tiny", "--steps", 2)
    done = generate(cli, out, *words, env=STUB)
    assert "as it was painted" in done.stderr and "--as-painted" in done.stderr
    assert "finish" not in recipe(out)
    for more in (("--as-painted",), ("--colors", 8), ("-q",)):
        assert "as it was painted" not in generate(cli, out, *words, *more, env=STUB).stderr
