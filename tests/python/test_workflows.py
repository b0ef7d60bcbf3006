# SPDX-License-Identifier: MIT OR Apache-2.0
"""Workflow files of every kind, and ComfyUI's graphs: what is read, what is refused, what comes out."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_scheduler import Case
from test_sheet_formats import read_aseprite  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parents[2]
STUB = {"DGX_PIXELS_BACKEND": "stub"}
SMALL = ("-m", "tiny", "--set", "steps=2", "--set", "canvas=[64, 64]", "-q")
Graph = dict[str, Any]


# ---------------------------------------------------------------------------------- our own files

def run(cli: Any, *words: object, env: dict[str, str] = STUB) -> list[str]:
    done = cli("run", *words, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_sprites(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = run(cli, ROOT / "workflows/sprite.json", *SMALL, "--set", "subject=Red bat", "--set",
                "seed=5", "--set", "count=2", "-o", tmp_path)
    assert [Path(name).name for name in files] == ["red-bat-1.png", "red-bat-2.png"]
    with Image.open(files[1]) as image:
        recipe = json.loads(image.text["dgx_pixels"])
        assert recipe["seed"] == 6 and recipe["kind"] == "character" and recipe["steps"] == 2
        assert recipe["subject"] == "Red bat" and "Red bat" in recipe["prompt"]
    assert cli("regen", *files, env=STUB).returncode == 0


def test_animation_in_every_format(cli, tiny: Path, read_aseprite, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Three readers that we did not write agree about frames, durations, tags and palette."""
    run(cli, ROOT / "workflows/animation.json", *SMALL, "--set", "steps=8", "--set", "seed=3",
        "--name", "slime", "-o", tmp_path)
    about = json.loads((tmp_path / "slime.json").read_text())
    frames = about["frames"]
    assert len(frames) == 4 and {frame["duration"] for frame in frames} == {150}
    [tag] = about["meta"]["frameTags"]
    assert (tag["name"], tag["from"], tag["to"]) == ("idle", 0, 3)
    [pivot] = [entry for entry in about["meta"]["slices"] if entry["name"] == "pivot"]
    assert "pivot" in pivot["keys"][0]
    with Image.open(tmp_path / "slime.png") as sheet:
        picture = np.array(sheet.convert("RGBA"))
        assert "dgx_pixels" in sheet.text
    cells = []
    for frame in frames:
        x, y, w, h = (frame["frame"][side] for side in "xywh")
        cells.append(picture[y:y + h, x:x + w])
    import apng

    assert len(apng.APNG.open(str(tmp_path / "slime.apng")).frames) == 4
    with Image.open(tmp_path / "slime.apng") as animation:
        assert animation.n_frames == 4
        for i, cell in enumerate(cells):
            animation.seek(i)
            shown = np.array(animation.convert("RGBA"))
            assert (shown[cell[..., 3] > 0] == cell[cell[..., 3] > 0]).all()
            assert animation.info["duration"] == 150
    colors = {tuple(pixel) for cell in cells for pixel in cell.reshape(-1, 4) if pixel[3]}
    assert {pixel[3] for pixel in colors} == {255} and len(colors) <= 33
    assert any((a != cells[0]).any() for a in cells[1:]), "nothing moves"
    lines, seen = read_aseprite((tmp_path / "slime.aseprite").read_bytes())
    assert [line for line in lines if line.startswith("frame")] == ["frame 150"] * 4
    assert "tag 0 3 Forward idle" in lines
    assert int(next(line for line in lines if line.startswith("colors")).split()[1]) >= len(colors)
    for frame, cell in zip(seen, cells, strict=True):
        assert (frame[cell[..., 3] > 0] == cell[cell[..., 3] > 0]).all()
        assert (frame[..., 3] == cell[..., 3]).all()


def test_given_first_frame_stays(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """An approved sprite of 16 pixels is the first frame, pixel for pixel."""
    sprite = np.zeros((16, 16, 4), np.uint8)
    sprite[4:14, 5:12] = (200, 40, 40, 255)
    sprite[6:8, 7:9] = (250, 250, 250, 255)
    Image.fromarray(sprite).save(tmp_path / "hero.png")
    run(cli, ROOT / "workflows/animation.json", "-m", "tiny", "--set", "steps=8", "--set",
        "size=[16, 16]", "--set", f"first={tmp_path}/hero.png", "--name", "hero-idle", "-o",
        tmp_path, "-q")
    about = json.loads((tmp_path / "hero-idle.json").read_text())
    x, y, w, h = (about["frames"][0]["frame"][side] for side in "xywh")
    first = np.array(Image.open(tmp_path / "hero-idle.png").convert("RGBA"))[y:y + h, x:x + w]
    rows, columns = np.nonzero(first[..., 3])
    found = first[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
    assert found.shape == (10, 7, 4) and (found == sprite[4:14, 5:12]).all()


@pytest.mark.parametrize("kind,count", [("blob", 47), ("corner", 16)])
def test_tile_sets(kind: str, count: int, cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = cli("run", ROOT / "workflows/tileset.json", "-m", "tiny", "--set", "steps=2", "--set",
               "size=[16, 16]", "--set", f"set={kind}", "-o", tmp_path, "--json", "-q", env=STUB)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["tiles"] == count and 0 <= report["seam_mean"] <= 1.2
    assert "seam" in report["inside"]["metrics"] and "seam" in report["outside"]["metrics"]
    tiled = ElementTree.parse(tmp_path / "grass-on-water.tsx").getroot()
    assert int(tiled.get("tilecount", "0")) >= count and len(tiled.findall("wangsets/wangset")) == 1
    assert (tmp_path / "grass-on-water-inside.png").exists()


def test_batches(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = (ROOT / "workflows/batch.json", *SMALL, "-o", tmp_path / "out", "--json")
    done = cli("run", *words, "--set", "count=2", env=STUB)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["batch"]["painted"] == 6
    done = cli("run", *words, "--set", "count=2", env=STUB)
    assert json.loads(done.stdout)["batch"]["kept"] == 6
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


@pytest.mark.parametrize("change,part", [
    (lambda w: w.update(kind="film"), "kind"),
    (lambda w: w.update(format="else"), "format"),
    (lambda w: w["request"].update(subject="{who}"), "{who}"),
    (lambda w: w.pop("request"), "request"),
])
def test_faults_of_workflows_are_named(change: Callable[[dict], object], part: str, cli,  # type: ignore[no-untyped-def]
                                       tmp_path: Path) -> None:
    workflow = json.loads((ROOT / "workflows/sprite.json").read_text())
    change(workflow)
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    done = cli("run", tmp_path / "w.json", "--dry-run")
    assert done.returncode == 4 and part in done.stderr and "w.json" in done.stderr
    done = cli("run", ROOT / "workflows/sprite.json", "--set", "colour=red", "--dry-run")
    assert done.returncode == 4 and "subject" in done.stderr


# -------------------------------------------------------------------------------- ComfyUI's graphs

PLAIN: Graph = {  # the example that ComfyUI opens with, in API format
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "euler",
        "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0],
        "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl/tiny.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 72, "batch_size": 2}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red slime", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "slime", "images": ["8", 0]}},
}


def with_loras() -> Graph:
    graph = copy.deepcopy(PLAIN)
    graph["10"] = {"class_type": "LoraLoader", "inputs": {
        "lora_name": "pixel-art-xl.safetensors", "strength_model": 1.2, "strength_clip": 0.5,
        "model": ["4", 0], "clip": ["4", 1]}}
    graph["11"] = {"class_type": "LoraLoaderModelOnly", "inputs": {
        "lora_name": "lcm.safetensors", "strength_model": 1.0, "model": ["10", 0]}}
    graph["12"] = {"class_type": "CLIPSetLastLayer", "inputs": {
        "stop_at_clip_layer": -2, "clip": ["10", 1]}}
    graph["3"]["inputs"].update(model=["11", 0], sampler_name="lcm", scheduler="sgm_uniform",
                                steps=8, cfg=1.5, seed=2**64 - 1)
    graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = ["12", 0]
    return graph


def from_picture() -> Graph:
    graph = copy.deepcopy(PLAIN)
    del graph["5"]
    graph["20"] = {"class_type": "LoadImage", "inputs": {"image": "start.png"}}
    graph["21"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["22", 0]}}
    graph["22"] = {"class_type": "VAELoader", "inputs": {"vae_name": "sdxl_vae.safetensors"}}
    graph["8"]["inputs"]["vae"] = ["22", 0]
    graph["3"] = {"class_type": "KSamplerAdvanced", "inputs": {
        "add_noise": "enable", "noise_seed": 5, "steps": 25, "cfg": 7.0,
        "sampler_name": "dpmpp_2m", "scheduler": "karras", "start_at_step": 10,
        "end_at_step": 10000, "return_with_leftover_noise": "disable", "model": ["4", 0],
        "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["21", 0]}}
    return {"prompt": graph}


def imported(cli: Any, graph: Graph, folder: Path) -> tuple[dict, str]:
    (folder / "graph.json").write_text(json.dumps(graph))
    done = cli("run", folder / "graph.json", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_plain_graph(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    workflow, _ = imported(cli, PLAIN, tmp_path)
    assert workflow["model"] == "tiny" and workflow["count"] == 2
    assert workflow["request"] == {
        "prompt": "a red slime", "negative_prompt": "blurry", "canvas": [64, 72], "guidance": 8.0,
        "sampler": "euler", "schedule": "normal", "spacing": "linspace", "steps": 20,
        "seed": 156680208700286}
    files = run(cli, tmp_path / "graph.json", "-o", tmp_path, "-q")
    assert [Image.open(name).size for name in files] == [(64, 72)] * 2


def test_graph_with_loras(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    workflow, _ = imported(cli, with_loras(), tmp_path)
    assert workflow["request"]["loras"] == [
        {"name": "pixel-art-xl", "unet": 1.2, "text": 0.5},
        {"name": "lcm", "unet": 1.0, "text": 0.0}]
    assert workflow["request"]["sampler"] == "lcm" and workflow["request"]["spacing"] == "trailing"
    assert 0 <= workflow["request"]["seed"] < 2**53 and workflow["notes"]


def test_graph_from_a_picture(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    workflow, _ = imported(cli, from_picture(), tmp_path)
    request = workflow["request"]
    assert request["init"] == "start.png" and request["strength"] == pytest.approx(15 / 25)
    assert (request["steps"], request["seed"], request["sampler"]) == (25, 5, "dpmpp-2m")
    assert workflow["vae"] == "sdxl_vae"
    graph = from_picture()
    graph["prompt"]["3"] = {"class_type": "KSampler", "inputs": {
        **PLAIN["3"]["inputs"], "denoise": 0.5, "latent_image": ["21", 0]}}
    request = imported(cli, graph, tmp_path)[0]["request"]
    assert request["steps"] == 40 and request["strength"] == 0.5


def change(node: str, **inputs: object) -> Callable[[Graph], object]:
    return lambda graph: graph[node]["inputs"].update(inputs)


MALFORMED: list[tuple[Callable[[Graph], object], str]] = [
    (lambda g: g.update({"30": {"class_type": "FreeU_V2", "inputs": {"model": ["4", 0]}}})
     or change("3", model=["30", 0])(g), "node 30 (FreeU_V2): this class is not understood"),
    (change("3", model=["99", 0]), "node 3 (KSampler): input 'model' leads to node 99"),
    (change("3", positive=["5", 0]), "node 3 (KSampler): input 'positive' takes output 0 of node 5"),
    (change("8", samples=["3", 7]), "node 8 (VAEDecode): input 'samples'"),
    (lambda g: g["3"]["inputs"].pop("seed"), "node 3 (KSampler): input 'seed' is missing"),
    (change("3", steps="many"), "node 3 (KSampler): input 'steps' must be a whole number"),
    (change("3", sampler_name="uni_pc"), "node 3 (KSampler): the sampler 'uni_pc'"),
    (change("3", scheduler="beta"), "node 3 (KSampler): the scheduler 'beta'"),
    (lambda g: g["6"].pop("inputs"), "node 6 (CLIPTextEncode): has no object of inputs"),
    (lambda g: g["5"].pop("class_type"), "node 5 (?): has no class_type"),
    (change("6", text=["4", 1]), "node 6 (CLIPTextEncode): input 'text' comes from another node"),
    (change("5", width=10**9), "node 5 (EmptyLatentImage): input 'width'"),
    (change("3", denoise=0.5), "node 3 (KSampler): input 'denoise' is below 1 without a picture"),
    (lambda g: g.update({"31": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}})
     or change("3", model=["99", 0])(g),
     "node 99, which is not there"),
    (lambda g: g.update({"32": {"class_type": "CLIPSetLastLayer", "inputs": {
        "stop_at_clip_layer": -2, "clip": ["32", 0]}}}) or change("6", clip=["32", 0])(g),
     "no end"),
    (lambda g: g.pop("9"), "no node SaveImage"),
]


@pytest.mark.parametrize("spoil,part", MALFORMED)
def test_malformed_graphs_name_their_node(spoil: Callable[[Graph], object], part: str, cli,  # type: ignore[no-untyped-def]
                                          tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    spoil(graph)
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    done = cli("run", tmp_path / "graph.json", "--dry-run")
    assert done.returncode == 4 and part in done.stderr, done.stderr


# -------------------------------------------------------------------------------- the two schedules

def comfy_levels() -> np.ndarray:
    """SDXL's sigma at each of the thousand timesteps."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    return ((1 - alphas) / alphas) ** 0.5


def comfy_sigmas(name: str, steps: int) -> np.ndarray:
    """ComfyUI's schedules as its documentation and k-diffusion define them, in numpy."""
    sigmas = comfy_levels()
    low, high = sigmas[0], sigmas[-1]

    def at(times: np.ndarray) -> np.ndarray:  # between two timesteps: linear in log sigma
        return np.exp(np.interp(times, np.arange(1000), np.log(sigmas)))

    if name == "normal":
        found = at(np.linspace(999, 0, steps))
    elif name == "sgm_uniform":
        found = at(np.linspace(999, 0, steps + 1)[:-1])
    elif name == "karras":
        ramp = np.linspace(0, 1, steps)
        found = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    elif name == "exponential":
        found = np.exp(np.linspace(np.log(high), np.log(low), steps))
    elif name == "simple":
        found = np.array([sigmas[-(1 + int(x * 1000 / steps))] for x in range(steps)])
    else:
        found = sigmas[1::max(1000 // steps, 1)][::-1]
    return np.append(found, 0)


SCHEDULERS = {"normal": ("normal", "linspace"), "karras": ("karras", "linspace"),
              "exponential": ("exponential", "linspace"), "simple": ("normal", "trailing"),
              "sgm_uniform": ("normal", "trailing"), "ddim_uniform": ("normal", "leading")}
# The same arithmetic, or (second figure) timesteps that ours rounds to whole ones.
BOUNDS = {"normal": (2e-3, 0.05), "karras": (1e-6, 1e-3), "exponential": (1e-6, 1e-3),
          "simple": (0.06, 1.0), "sgm_uniform": (0.06, 1.5), "ddim_uniform": (1e-6, 1e-3)}


def timesteps(sigmas: np.ndarray) -> np.ndarray:
    levels = comfy_levels()
    return np.interp(np.log(sigmas), np.log(levels), np.arange(1000))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedules_agree_on_sigmas(name: str, build: Path) -> None:
    schedule, spacing = SCHEDULERS[name]
    counts = [n for n in range(4, 51) if name != "ddim_uniform" or 1000 % n == 0]
    cases = [Case(sampler="euler", schedule=schedule, spacing=spacing, steps=n) for n in counts]
    done = subprocess.run([build / "bin/dump_schedule"], text=True, capture_output=True, check=True,
                          input="".join(case.line() + "\n" for case in cases))
    worst = apart = 0.0
    for n, line in zip(counts, done.stdout.splitlines(), strict=True):
        ours, theirs = np.array(json.loads(line)["sigmas"]), comfy_sigmas(name, n)
        assert ours.shape == theirs.shape, n
        assert ours[-1] == theirs[-1] == 0
        worst = max(worst, float(np.max(np.abs(ours[:-1] / theirs[:-1] - 1))))
        apart = max(apart, float(np.max(np.abs(timesteps(ours[:-1]) - timesteps(theirs[:-1])))))
    print(f"{name}: {worst:.2e} of a sigma, {apart:.3f} timesteps")
    assert worst <= BOUNDS[name][0] and apart <= BOUNDS[name][1] + 1e-6


def test_info_reads_three_makers(cli, tiny: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Ours, A1111's `parameters`, ComfyUI's `prompt`; of ComfyUI's, `run` takes the PNG itself."""
    from PIL.PngImagePlugin import PngInfo

    ours, a1111, comfy = (tmp_path / name for name in ("ours.png", "a1111.png", "comfy.png"))
    assert cli("generate", "slime", "-m", "tiny", "--canvas", "64", "--steps", "1", "-s", "4", "-o",
               ours, env=STUB).returncode == 0
    about = json.loads(cli("info", ours, "--json").stdout)
    assert about["recipe"]["seed"] == 4 and about["recipe"]["model"]["sha256"]
    assert about["parameters"]["fields"]["Seed"] == "4"
    assert about["parameters"]["fields"]["Model hash"] == about["recipe"]["model"]["sha256"][:10]
    texts = PngInfo()
    texts.add_text("parameters", "a fox\nNegative prompt: dark\nSteps: 8, Sampler: Euler a, Seed: 1")
    Image.new("RGB", (8, 8)).save(a1111, pnginfo=texts)
    about = json.loads(cli("info", a1111, "--json").stdout)
    assert about["parameters"]["negative_prompt"] == "dark"
    assert about["parameters"]["fields"]["Sampler"] == "Euler a"
    for graph, key in ((PLAIN, "request"), ({"1": {"class_type": "Nonsense", "inputs": {}}},
                                            "problem")):
        texts = PngInfo()
        texts.add_text("prompt", json.dumps(graph))
        Image.new("RGB", (8, 8)).save(comfy, pnginfo=texts)
        about = json.loads(cli("info", comfy, "--json").stdout)
        assert key in about["comfyui"]
    assert "node 1 (Nonsense)" in about["comfyui"]["problem"]
