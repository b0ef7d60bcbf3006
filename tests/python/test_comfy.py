# SPDX-License-Identifier: MIT OR Apache-2.0
"""ComfyUI's graphs in both formats, judged on their links: every node class that the import reads."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from test_workflows import PLAIN, Graph, change, imported, with_loras

Spoil = Callable[[Graph], object]
# Widgets in the order of ComfyUI's own node definitions (nodes.py, comfy_extras), with what stands
# behind a seed.
WIDGETS = {
    "KSampler": ["seed", "control", "steps", "cfg", "sampler_name", "scheduler", "denoise"],
    "KSamplerAdvanced": ["add_noise", "noise_seed", "control", "steps", "cfg", "sampler_name",
                         "scheduler", "start_at_step", "end_at_step", "return_with_leftover_noise"],
    "CheckpointLoaderSimple": ["ckpt_name"], "CLIPTextEncode": ["text"], "VAELoader": ["vae_name"],
    "EmptyLatentImage": ["width", "height", "batch_size"], "SaveImage": ["filename_prefix"],
    "LoraLoader": ["lora_name", "strength_model", "strength_clip"],
    "LoraLoaderModelOnly": ["lora_name", "strength_model"], "LoadImage": ["image", "upload"],
    "CLIPSetLastLayer": ["stop_at_clip_layer"],
}
OUTPUTS = {"CheckpointLoaderSimple": ["MODEL", "CLIP", "VAE"], "LoraLoader": ["MODEL", "CLIP"],
           "LoraLoaderModelOnly": ["MODEL"], "CLIPTextEncode": ["CONDITIONING"], "KSampler": ["LATENT"],
           "CLIPSetLastLayer": ["CLIP"], "EmptyLatentImage": ["LATENT"], "VAEDecode": ["IMAGE"]}


def editor(graph: Graph) -> dict[str, Any]:
    """The same graph as the editor saves it."""
    nodes: list[dict[str, Any]] = []
    links: list[list[Any]] = []
    for id, node in graph.items():
        values = {**node["inputs"], "control": "randomize", "upload": "image"}
        inputs = []
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                kind = OUTPUTS[graph[value[0]]["class_type"]][value[1]]
                links.append([len(links) + 1, int(value[0]), value[1], int(id), len(inputs), kind])
                inputs.append({"name": name, "type": kind, "link": len(links)})
        nodes.append({"id": int(id), "type": node["class_type"], "mode": 0, "inputs": inputs,
                      "widgets_values": [values[name] for name in WIDGETS.get(node["class_type"], [])]})
    return {"nodes": nodes, "links": links, "version": 0.4, "last_node_id": 99}


def insert(document: dict[str, Any], target: int, name: str, node: dict[str, Any],
           more: list[dict[str, Any]] | None = None) -> None:
    """Puts an editor's node between an input and what feeds it."""
    taker = next(n for n in document["nodes"] if n["id"] == target)
    socket = next(i for i in taker["inputs"] if i["name"] == name)
    fresh = max(link[0] for link in document["links"]) + 1
    document["links"].append([fresh, node["id"], 0, target, 0, socket["type"]])
    node.setdefault("mode", 0)
    node["inputs"] = [{"name": "", "type": socket["type"], "link": socket["link"]}]
    socket["link"] = fresh
    document["nodes"] += [node, *(more or [])]


@pytest.mark.parametrize("graph", [PLAIN, with_loras()], ids=["plain", "loras"])
def test_both_formats_mean_the_same(graph: Graph, cli: Any, tmp_path: Path) -> None:
    want, _ = imported(cli, graph, tmp_path)
    got, _ = imported(cli, editor(graph), tmp_path)
    assert got == want


def test_the_editors_furniture_is_followed_through(cli: Any, tmp_path: Path) -> None:
    """Reroute, bypass, SetNode and GetNode, a Primitive, notes, what is muted."""
    want, _ = imported(cli, PLAIN, tmp_path)
    document = editor(PLAIN)
    insert(document, 3, "model", {"id": 50, "type": "Reroute"})
    insert(document, 6, "clip", {"id": 51, "type": "CLIPSetLastLayer", "mode": 4, "widgets_values": [-1]})
    insert(document, 3, "latent_image", {"id": 52, "type": "SetNode", "widgets_values": ["latent"]})
    sampler = next(n for n in document["nodes"] if n["id"] == 3)
    document["links"] += [[90, 53, 0, 3, 0, "LATENT"], [91, 54, 0, 3, 0, "INT"]]
    next(i for i in sampler["inputs"] if i["name"] == "latent_image")["link"] = 90
    sampler["inputs"].append({"name": "steps", "type": "INT", "link": 91, "widget": {"name": "steps"}})
    document["nodes"] += [
        {"id": 53, "type": "GetNode", "widgets_values": ["latent"]},
        {"id": 54, "type": "PrimitiveNode", "widgets_values": [11, "fixed"]},
        {"id": 55, "type": "Note", "widgets_values": ["my settings"]},
        {"id": 56, "type": "SaveImage", "mode": 2, "inputs": [], "widgets_values": ["x"]},
        {"id": 57, "type": "IPAdapterAdvanced", "inputs": [], "widgets_values": [1, 2]}]
    got, _ = imported(cli, document, tmp_path)
    assert got["request"].pop("steps") == 11 and want["request"].pop("steps") == 20
    assert got["request"] == want["request"] and got["model"] == want["model"]
    assert [n for n in got["notes"] if "node 57 (IPAdapterAdvanced) is not on" in n]


def lora_on(lines: str) -> Spoil:
    """A LoraLoader of whose outputs the model's line, the words' line, or both are taken."""
    def spoil(graph: Graph) -> None:
        graph["10"] = {"class_type": "LoraLoader", "inputs": {
            "lora_name": "a/x.safetensors", "strength_model": 0.7, "strength_clip": 0.3,
            "model": ["4", 0], "clip": ["4", 1]}}
        if "model" in lines:
            graph["3"]["inputs"]["model"] = ["10", 0]
        if "clip" in lines:
            graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = ["10", 1]
    return spoil


@pytest.mark.parametrize("lines, unet, text", [("model clip", 0.7, 0.3), ("model", 0.7, 0), ("clip", 0, 0.3)])
def test_a_lora_counts_on_the_lines_that_it_is_on(lines: str, unet: float, text: float, cli: Any,
                                                  tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    lora_on(lines)(graph)
    assert imported(cli, graph, tmp_path)[0]["request"]["loras"] == [
        {"name": "x", "unet": unet, "text": text}]


def test_rgthrees_list_of_loras(cli: Any, tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    graph["10"] = {"class_type": "Power Lora Loader (rgthree)", "inputs": {
        "PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
        "lora_1": {"on": True, "lora": "a.safetensors", "strength": 0.5},
        "lora_2": {"on": False, "lora": "b.safetensors", "strength": 1},
        "lora_3": {"on": True, "lora": "c.safetensors", "strength": 1, "strengthTwo": 0.25},
        "➕ Add Lora": "", "model": ["4", 0], "clip": ["4", 1]}}
    graph["3"]["inputs"]["model"] = ["10", 0]
    graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = ["10", 1]
    found = imported(cli, graph, tmp_path)[0]["request"]["loras"]
    assert {entry["name"]: (entry["unet"], entry["text"]) for entry in found} == {
        "a": (0.5, 0.5), "c": (1, 0.25)}


def test_words_mean_what_they_mean_there(cli: Any, tmp_path: Path) -> None:
    """Square brackets, BREAK, AND and <lora:> are words in ComfyUI; \\( is a bracket in both."""
    graph = copy.deepcopy(PLAIN)
    change("6", text=r"a [red] slime BREAK AND <lora:x:1> embedding:x \(big\) (hat:1.2) C:\dir")(graph)
    request = imported(cli, graph, tmp_path)[0]["request"]
    assert request["prompt"] == r"a \[red\] slime B\REAK A\ND <\lora:x:1> embedding:x \(big\) (hat:1.2) C:\\dir"


def test_other_nodes_become_what_they_are(cli: Any, tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    sizes = {"width": 64, "height": 72, "target_width": 64, "target_height": 72, "crop_w": 0, "crop_h": 0}
    graph["6"] = {"class_type": "CLIPTextEncodeSDXL", "inputs": {
        "text_g": "a bat", "text_l": "a bat", "clip": ["4", 1], **sizes}}
    graph["7"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    graph["5"]["class_type"] = "EmptySD3LatentImage"
    graph["12"] = {"class_type": "RepeatLatentBatch", "inputs": {"amount": 3, "samples": ["5", 0]}}
    graph["13"] = {"class_type": "PrimitiveInt", "inputs": {"value": 12}}
    graph["14"] = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    graph["15"] = {"class_type": "Reroute", "inputs": {"": ["12", 0]}}
    change("3", cfg=1.0, latent_image=["15", 0], steps=["13", 0])(graph)
    workflow, _ = imported(cli, graph, tmp_path)
    assert workflow["count"] == 6 and workflow["request"]["steps"] == 12
    assert workflow["request"]["prompt"] == "a bat" and workflow["request"]["negative_prompt"] == ""


@pytest.mark.parametrize("node", ["SetLatentNoiseMask", "VAEEncodeForInpaint"])
def test_inpainting(node: str, cli: Any, tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    graph["20"] = {"class_type": "LoadImage", "inputs": {"image": "start.png"}}
    graph["21"] = {"class_type": "LoadImageMask", "inputs": {"image": "mask.png", "channel": "red"}}
    graph["22"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    inputs = {"samples": ["22", 0]} if node == "SetLatentNoiseMask" else {
        "pixels": ["20", 0], "vae": ["4", 2], "grow_mask_by": 6}
    graph["23"] = {"class_type": node, "inputs": {"mask": ["21", 0], **inputs}}
    change("3", latent_image=["23", 0])(graph)
    request = imported(cli, graph, tmp_path)[0]["request"]
    assert (request["init"], request["mask"], request["strength"]) == ("start.png", "mask.png", 1.0)


REFUSED: list[tuple[Spoil, str]] = [
    (lambda g: lora_on("clip")(g) or change("7", clip=["4", 1])(g), "node 7 (CLIPTextEncode): its CLIP"),
    (lambda g: g.update({"40": {"class_type": "CheckpointLoaderSimple", "inputs": {
        "ckpt_name": "b.safetensors"}}}) or change("6", clip=["40", 1])(g)
     or change("7", clip=["40", 1])(g), "node 6 (CLIPTextEncode): its CLIP comes from 'b.safetensors'"),
    (lambda g: g.update({"40": {"class_type": "CheckpointLoaderSimple", "inputs": {
        "ckpt_name": "b.safetensors"}}}) or change("8", vae=["40", 2])(g),
     "node 8 (VAEDecode): its VAE comes from 'b.safetensors'"),
    (lambda g: g.update({"7": {"class_type": "ConditioningZeroOut", "inputs": {
        "conditioning": ["6", 0]}}}), "node 7 (ConditioningZeroOut)"),
    (lambda g: g.update({"41": {"class_type": "LatentUpscale", "inputs": {
        "samples": ["5", 0], "upscale_method": "bilinear", "width": 128, "height": 128,
        "crop": "disabled"}}}) or change("3", latent_image=["41", 0])(g), "node 41 (LatentUpscale)"),
    (lambda g: g.update({"42": {"class_type": "SaveImage", "inputs": {
        "filename_prefix": "x", "images": ["43", 0]}}}), "node 42 (SaveImage): a second picture"),
    (lambda g: g.update({"6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {
        "text_g": "a", "text_l": "b", "clip": ["4", 1], "width": 64, "height": 72, "crop_w": 0,
        "crop_h": 0, "target_width": 64, "target_height": 72}}}), "text_g and text_l differ"),
]


@pytest.mark.parametrize("spoil, part", REFUSED)
def test_what_cannot_be_done_is_named(spoil: Spoil, part: str, cli: Any, tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    spoil(graph)
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    done = cli("run", tmp_path / "graph.json", "--dry-run")
    assert done.returncode == 4 and part in done.stderr, done.stderr


def test_all_obstacles_are_told_at_once(cli: Any, tmp_path: Path) -> None:
    graph = copy.deepcopy(PLAIN)
    graph["30"] = {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["6", 0]}}
    change("3", sampler_name="heunpp2", scheduler="kl_optimal", positive=["30", 0], steps=0)(graph)
    change("5", width="wide")(graph)
    (tmp_path / "graph.json").write_text(json.dumps(editor(PLAIN) | {"nodes": []}))
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    told = cli("run", tmp_path / "graph.json", "--dry-run").stderr
    for part in ("5 things bar the way", "node 30 (ControlNetApplyAdvanced): ControlNets", "'heunpp2'",
                 "'kl_optimal'", "input 'steps' must be", "node 5 (EmptyLatentImage): input 'width'"):
        assert part in told, told


def test_a_vae_by_name_is_used(cli: Any, tiny: Path, tmp_path: Path) -> None:
    """VAELoader's file is looked for in vae/ of the models folders, and paints other pixels."""
    models = tmp_path / "models"
    (models / "vae").mkdir(parents=True)
    for entry in tiny.iterdir():
        (models / entry.name).symlink_to(entry)
    weights = load_file(tiny / "tiny-diffusers/vae/diffusion_pytorch_model.safetensors")
    weights["decoder.conv_out.bias"] = weights["decoder.conv_out.bias"] + np.float32(0.5)
    save_file(weights, models / "vae/bright.safetensors")
    graph = copy.deepcopy(PLAIN)
    change("3", steps=1)(graph)
    change("5", batch_size=1)(graph)
    pictures = []
    for name in ("", "bright.safetensors", "missing.safetensors"):
        if name:
            graph["22"] = {"class_type": "VAELoader", "inputs": {"vae_name": name}}
            change("8", vae=["22", 0])(graph)
        (tmp_path / "graph.json").write_text(json.dumps(graph))
        words = ("run", tmp_path / "graph.json", "-o", tmp_path / f"out{len(pictures)}", "-q", "--device", "cpu")
        env = {"DGX_PIXELS_MODELS": str(models)}
        if name.startswith("missing"):
            done = cli(*words, env=env)
            assert done.returncode != 0 and "no file 'missing' in vae/" in done.stderr
        else:
            done = cli(*words, env=env)
            assert done.returncode == 0, done.stderr
            pictures.append(np.asarray(Image.open(done.stdout.split()[0]).convert("RGB"), np.int32))
    assert (pictures[1] - pictures[0]).mean() > 10
