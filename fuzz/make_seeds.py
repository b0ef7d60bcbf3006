# SPDX-License-Identifier: MIT OR Apache-2.0
"""Make the kept seeds anew: small sound files of each format, and those that once hurt.

usage: .venv/bin/python fuzz/make_seeds.py [--cases FOLDER]   (FOLDER holds security/ and lists/)
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

from PIL import Image, PngImagePlugin

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "fuzz/seeds"


def put(target: str, name: str, data: bytes | str) -> None:
    path = SEEDS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def png(mode: str, size: tuple[int, int] = (5, 4), **options: object) -> bytes:
    image = Image.new("RGBA", size)
    for x in range(size[0]):
        image.putpixel((x, x % size[1]), (40 * x, 200, 90, 255 - 30 * x))
    out = io.BytesIO()
    (image if mode == "RGBA" else image.convert("RGB").convert(mode)).save(out, "PNG", **options)
    return out.getvalue()


def tensors(entries: dict[str, tuple[str, list[int]]], **metadata: str) -> bytes:
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1}
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (dtype, shape) in entries.items():
        size = sizes[dtype]
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(at)


def pictures() -> None:
    for mode in ("RGBA", "RGB", "P", "L", "1", "LA"):
        put("picture", f"{mode}.png", png(mode))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "knight\nNegative prompt: dog\nSteps: 20, CFG scale: 5.5, Seed: 7")
    texts.add_itxt("dgx_pixels", json.dumps({"version": 1, "parameters": {"prompt": "knight"}}))
    texts.add_text("Comment", "x" * 300, zip=True)
    put("picture", "texts.png", png("RGBA", pnginfo=texts))
    image = Image.open(io.BytesIO(png("RGB")))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for name, kind, options in (("a.jpg", "JPEG", {"exif": exif}), ("gray.jpg", "JPEG", {}),
                                ("steps.jpg", "JPEG", {"progressive": True}), ("a.webp", "WEBP", {"exif": exif}),
                                ("plain.webp", "WEBP", {"lossless": True}), ("rgb.bmp", "BMP", {}), ("p.bmp", "BMP", {}),
                                ("a.tif", "TIFF", {}), ("cmyk.jpg", "JPEG", {})):
        mode = {"gray.jpg": "L", "p.bmp": "P", "cmyk.jpg": "CMYK"}.get(name, "RGB")
        out = io.BytesIO()
        image.convert(mode).save(out, kind, **options)
        put("picture", name, out.getvalue())
        if name == "a.jpg":
            put("picture", "cut.jpg", out.getvalue()[:-40])
    masks = struct.pack("<IiiHHIIiiII4I", 40 + 16, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0, 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    put("picture", "masks.bmp", b"BM" + struct.pack("<IHHI", 14 + len(masks) + 16, 0, 0, 14 + len(masks)) + masks + bytes(range(16)))
    put("picture", "a.tga", b"\0\0\2" + bytes(9) + struct.pack("<HHBB", 2, 2, 32, 8) + bytes(16))


def animations() -> None:
    frames = [Image.new("RGBA", (6, 5), (80 * i, 10, 10, 255 if i % 2 else 0)) for i in range(4)]
    for name, kind, options in (("a.gif", "GIF", {"disposal": 2}), ("b.gif", "GIF", {"disposal": 3}),
                                ("a.png", "PNG", {"blend": 1, "disposal": 2})):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=70, **options)
        put("animation", name, out.getvalue())
    printed = subprocess.run([sys.executable, ROOT / "tests/python/make_aseprite.py"], text=True,
                             check=True, capture_output=True).stdout
    put("animation", "a.aseprite", bytes.fromhex(printed.strip()))
    put("picture", "a.aseprite", bytes.fromhex(printed.strip()))
    put("picture", "a.gif", (SEEDS / "animation/a.gif").read_bytes())
    sys.path.insert(0, str(ROOT / "tests/python"))
    import make_aseprite as ase

    slice_ = ase.chunk(0x2022, struct.pack("<III", 1, 3, 0) + ase.text("s")
                       + struct.pack("<I2iII2iII2i", 0, 0, 0, 3, 3, 1, 1, 1, 1, 1, 2))
    group = [ase.palette([(0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 128)]), ase.layer("g", kind=1), ase.layer("a", level=1),
             slice_, ase.cel(1, 0, 0, 2, ase.packed(2, 2, b"\1\2\0\1"), z=1)]
    put("animation", "slices.aseprite", ase.file(3, 3, 8, [(80, group)]))
    modes = [ase.layer("base")]
    modes += [ase.chunk(0x2004, struct.pack("<HHHHHHB3x", 3, 0, 0, 0, 0, mode, 200) + ase.text(str(mode))) for mode in range(19)]
    modes += [ase.cel(on, 0, 0, 2, ase.packed(2, 1, bytes([200, 90, 30, 255, 10, 220, 90, 128])), opacity=200)
              for on in range(20)]
    put("animation", "modes.aseprite", ase.file(2, 1, 32, [(80, modes)]))
    put("animation", "gray.aseprite", ase.file(2, 1, 16, [(80, [ase.layer("a"), ase.cel(0, 0, 0, 0, ase.raw(2, 1, b"\1\2\3\4"))])]))
    put("animation", "short.aseprite", ase.file(2, 1, 32, [(80, [ase.chunk(0x2004, b"\0\0")])]))
    put("animation", "tiles.aseprite", ase.file(2, 1, 32, [(80, [ase.layer("a", kind=2)])]))
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=70, lossless=True)
    put("animation", "a.webp", out.getvalue())


def palettes() -> None:
    texts = {"a.gpl": "GIMP Palette\nName: two\nColumns: 2\n#\n255 0 0 red\n0 0 255 blue\n",
             "a.hex": "ff0000\n00ff00\n0000ff\n", "a.pal": "JASC-PAL\n0100\n2\n255 0 0\n0 0 255\n",
             "a.txt": ";paint.net Palette File\nFFFF0000\nFF00FF00\n"}
    for name, text in texts.items():
        put("palette", name, text)
    put("palette", "a.png", png("P"))
    riff = b"PAL data" + struct.pack("<IHH", 12, 0x300, 2) + b"\xff\0\0\0\0\xff\0\0"
    put("palette", "riff.pal", b"RIFF" + struct.pack("<I", len(riff)) + riff)
    put("palette", "a.act", bytes(range(256)) * 3)


def weights() -> None:
    block = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    put("safetensors", "lora.safetensors", tensors(
        {f"{block}.lora_down.weight": ("F32", [2, 4]), f"{block}.lora_up.weight": ("F32", [4, 2]),
         f"{block}.alpha": ("F32", [])}, ss_network_dim="2", **{"modelspec.title": "t"}))
    put("safetensors", "peft.safetensors", tensors(
        {"unet.down_blocks.1.attentions.0.to_q.lora_A.weight": ("BF16", [2, 4]),
         "unet.down_blocks.1.attentions.0.to_q.lora_B.weight": ("BF16", [4, 2])}))
    put("safetensors", "vae.safetensors", tensors({"decoder.conv_in.weight": ("F16", [2, 2, 1, 1])}))
    unet = "unet.down_blocks.1.attentions.0.to_q"
    put("safetensors", "loha.safetensors", tensors({f"lora_unet_c.hada_{part}": ("F32", shape) for part, shape in (
        ("w1_a", [8, 2]), ("w1_b", [2, 6]), ("w2_a", [8, 2]), ("w2_b", [2, 6]))}))
    put("safetensors", "lokr.safetensors", tensors({f"lora_unet_c.lokr_{part}": ("F32", shape) for part, shape in (
        ("w1", [2, 3]), ("w2_a", [4, 2]), ("w2_b", [2, 5]))}))
    put("safetensors", "pair.safetensors", tensors({f"{block}.lora_down.weight": ("F32", [2, 4]),
                                                    f"{block}.lora_up.weight": ("F32", [4, 3])}))
    for name, config in (("patterns", {"unet.r": 2, "unet.lora_alpha": 3, "unet.use_rslora": True,
                                       "unet.alpha_pattern": {r"^down_blocks\.\d+\..*?to_q": 2, "x": 1}}),
                         ("counts", {"unet.r": 2, "unet.alpha_pattern": {"((a{1,255}){1,255}){1,255}": 2}})):
        put("safetensors", f"{name}.safetensors", tensors({
            f"{unet}.lora_A.weight": ("F32", [2, 4]), f"{unet}.lora_B.weight": ("F32", [4, 2])},
            lora_adapter_metadata=json.dumps(config)))
    put("safetensors", "index.json", b'{"weight_map": {"a": "a.safetensors", "b": "../b.safetensors"}}')
    put("safetensors", "index", b'{"weight_map": {"decoder.conv_in.weight": "a.safetensors"}}')
    put("safetensors", "zero.safetensors", tensors({"a": ("F32", [0, 9])}))
    bundle = ROOT / "models/starter/bundle.json"
    put("bundle", "starter.json", bundle.read_bytes())
    put("bundle", "sdxl.json", (ROOT / "models/sdxl/bundle.json").read_bytes())


def texts() -> None:
    put("manifest", "a.txt", "red {knight|mage}\n# note\n__color__ slime\n\nold tree <lora:x:0.5>\n")
    put("manifest", "a.jsonl", '{"subject": "knight", "count": 2, "seed": 7}\n{"prompt": "a {b|c}"}\n')
    put("manifest", "a.csv", 'subject,steps,name\n"red, ""big"" knight",4,a\nslime,8,b\n')
    request = {"subject": "knight", "kind": "character", "style": "8bit", "size": [16, 16], "steps": 4,
               "guidance": 2.5, "sampler": "euler", "seed": 3, "loras": [{"name": "x", "unet": 0.5}],
               "lora": "y:0.5, z:1:0.2", "finish": {"colors": 8}}
    put("request", "a.json", json.dumps(request))
    put("request", "b.json", '{"prompt": "(knight:1.2), [dog]", "canvas": [64, 64], "strength": 0.5}')
    for path in (ROOT / "workflows").glob("*.json"):
        put("workflow", path.name, path.read_bytes())
    node = {"3": {"class_type": "KSampler", "inputs": {
                "seed": 1, "steps": 4, "cfg": 2, "sampler_name": "euler", "scheduler": "normal",
                "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
                "latent_image": ["5", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
            "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "knight", "clip": ["4", 1]}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "dog", "clip": ["4", 1]}},
            "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "a"}}}
    put("workflow", "comfy.json", json.dumps(node))
    sys.path[:0] = [str(ROOT / "tests/python"), str(ROOT / "tests")]
    import test_comfy as comfy

    for name, graph in (("plain", comfy.PLAIN), ("loras", comfy.with_loras())):
        put("workflow", f"editor-{name}.json", json.dumps(comfy.editor(graph)))
        put("workflow", f"graph-{name}.json", json.dumps(graph))
    document = comfy.editor(comfy.PLAIN)
    comfy.insert(document, 3, "model", {"id": 50, "type": "Reroute"})
    comfy.insert(document, 6, "clip", {"id": 51, "type": "CLIPSetLastLayer", "mode": 4, "widgets_values": [-1]})
    comfy.insert(document, 3, "latent_image", {"id": 52, "type": "SetNode", "widgets_values": ["latent"]})
    sampler = next(node for node in document["nodes"] if node["id"] == 3)
    document["links"] += [[90, 53, 0, 3, 0, "LATENT"], [91, 54, 0, 3, 0, "INT"]]
    next(one for one in sampler["inputs"] if one["name"] == "latent_image")["link"] = 90
    sampler["inputs"].append({"name": "steps", "type": "INT", "link": 91, "widget": {"name": "steps"}})
    document["nodes"] += [{"id": 53, "type": "GetNode", "widgets_values": ["latent"]},
                          {"id": 54, "type": "PrimitiveNode", "widgets_values": [11, "fixed"]},
                          {"id": 55, "type": "Note", "widgets_values": ["x"]},
                          {"id": 57, "type": "IPAdapterAdvanced", "inputs": [], "widgets_values": [1, 2]}]
    put("workflow", "furniture.json", json.dumps(document))
    for node in document["nodes"]:
        node["mode"] = 2 if node["id"] == 4 else node.get("mode", 0)  # the checkpoint is muted: lines with no end
    put("workflow", "muted.json", json.dumps(document))
    for name, change in COMFY.items():
        graph = json.loads(json.dumps(comfy.PLAIN))
        graph.update(change)
        for target in ("3", "6", "7"):
            for key, link in graph[target]["inputs"].items():
                if key in ("model", "clip") and "10" in change and name.startswith("lora"):
                    graph[target]["inputs"][key] = ["10", int(key == "clip")]
        if name == "holder":
            graph["3"]["inputs"].update({"steps": ["14", 0], "model": ["15", 0]})
        if "12" in change:
            graph["3"]["inputs"]["latent_image"] = ["12", 0]
        put("workflow", f"{name}.json", json.dumps(graph))
    project = {"format": 1, "model": "starter", "defaults": {"steps": 2, "style": "8bit"},
               "folders": {"*": "sprites/"}, "presets": "presets", "assets": [
                   {"path": "a.png", "kind": "character", "subject": "knight"},
                   {"path": "b.png", "kind": "tile", "subject": "cave", "tile": [8, 8]}]}
    entry = {"path": "a.png", "sha256": "0" * 64, "wish": "1" * 64}
    record = {"writes": [{"index": 0, "path": "a.png", "after": "0" * 64}], "folders": [],
              "before": {"a.png": None}, "after": {"a.png": entry}}
    put("project", "project", b"\0" + json.dumps(project).encode())
    put("project", "folders", b"\0" + b'{"format":1,"folders":"x"}')
    put("project", "lock", b"\1" + json.dumps({"format": 1, "assets": [entry]}).encode())
    put("project", "record", b"\2" + json.dumps(record).encode())
    put("project", "writes", b"\2" + b'{"writes": "x"}')
    put("project", "pending", b"\3" + json.dumps(record).encode())
    put("project", "sidecar", b"\4" + json.dumps({"format": 1, "image": "a.png", "sha256": "0" * 64,
                                                   "texts": {"k": "v"}, "recipe": {}}).encode())
    put("project", "documents", b"\4" + json.dumps({
        "format": 1, "recipe": {"version": 1}, "report": {"score": 1}, "texts": {"k": "v", "n": 1}}).encode())
    put("project", "two", b"\1" + json.dumps({"format": 1, "assets": [
        {**entry, "path": "b.png"}, {**entry, "path": "c.png"}, entry]}).encode())
    put("project", "kinds", b"\0" + json.dumps({"format": 1, "assets": [
        {"path": "a.png", "subject": "a", "motion": {"motions": "idle"}, "normal": {}},
        {"path": "b.png", "subject": "b", "animate": {"frames": 4}, "finish": {"colors": 8}}]}).encode())
    put("project", "steps", b"\0" + json.dumps({"format": 1, "assets": [
        {"path": "x.png", "from": "y.png", "motion": "idle"},
        {"path": "a.png", "subject": "a", "kind": "tileset", "tileset": {}, "motion": "idle"}]}).encode())
    put("project", "tileset", b"\0" + json.dumps({"format": 1, "assets": [
        {"path": "a.png", "subject": "a", "tileset": {}, "normal": True}]}).encode())
    put("project", "texts", b"\4" + b'{"format": 1, "texts": "x"}')
    put("document", "nested", b'files[1].path\n{"files": [{}, {"path": "a.png"}], "score": 81.5}')
    put("document", "whole", b'\n{"seed": 7}')
    put("document", "broken-path", b'files[99999999999999999999][]..\n{"files": []}')
    put("recipe", "a1111", "knight\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 5.5, "
        "Seed: 7, Size: 64x64, Model hash: 0123, Lora hashes: \"a: b, c: d\"")
    put("recipe", "ours", json.dumps({"version": 1, "model": {"file": "x"}, "parameters": {
        "prompt": "knight", "seed": 7, "steps": 4, "loras": [{"name": "x", "unet": 1}]}}))
    put("prompt", "weights", "(knight:1.2), [dog], ((cat)), \\(plain\\) BREAK <lora:x:0.5:0.2> a AND b")
    for name, words in (("attention", "(knight:1.2), [dog], ((cat)) (a:-1e1) [[[b]]] (open \\(plain\\)"), ("break", "a BREAK b"),
                        ("lora", "a <lora:x:0.5:0.2> knight <lora:y>"), ("letters", "it's 3,5 DON'T embedding:x \u00df\u0130")):
        put("prompt", name, words)
    put("palette", "broken.gpl", "GIMP Palette\n#\n255 0 red\n")
    put("palette", "broken.hex", "ff0000\nxyz\n")
    for name in ("a.gif", "a.aseprite", "a.png", "a.webp"):
        put("animation", f"cut-{name}", (SEEDS / "animation" / name).read_bytes()[:-30])
    for name in ("RGBA.png", "a.webp", "rgb.bmp"):
        put("picture", f"cut-{name}", (SEEDS / "picture" / name).read_bytes()[:-30])
    put("picture", "short.bmp", b"BM" + bytes(20))
    put("safetensors", "half.safetensors", tensors({"lora_unet_a.lora_down.weight": ("F32", [2, 4])}))
    put("safetensors", "alpha.safetensors", tensors({"lora_unet_a.alpha": ("F32", [2]), "lora_unet_a.lora_down.weight":
        ("F32", [2, 4]), "lora_unet_a.lora_up.weight": ("F32", [4, 2])}))
    put("request", "finish.json", '{"prompt": "a", "finish": {"palette": "nosuch"}}')
    bad = png("RGBA")
    at = bad.index(b"IDAT") - 4
    put("picture", "bad-text.png", bad[:at] + struct.pack(">I", 3) + b"tEXta\0b" + bytes(4) + bad[at:])
    gamma = b"gAMA" + bytes(4)  # none at all: libpng warns
    put("picture", "gamma.png", bad[:at] + struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma)) + bad[at:])
    put("manifest", "flags.txt", "knight --name a --count 2 --seed 3\nfox --nosuch 1\n[1, 2]\n")
    put("manifest", "list.json", '[{"subject": "fox"}, {"prompt": "a __none__"}]')
    put("request", "init.json", '{"prompt": "a", "init": "none.png", "mask": "none.png"}')
    put("request", "loras.json", '{"prompt": "a", "steps": 2, "loras": [{"name": "grafxkid", "weight": 0.5}, {"name": "nouns", "unet": 1, "text": 0}]}')
    put("request", "wrong.json", '{"prompt": "a", "stepz": 2, "finish": {"palettte": 1}}')
    put("prompt", "marks", "{\"colors\": 8} [knight:mage:0.5] embedding:x (a:-1e1) [[[b]]] it's 3,5 \\\\ (open")
    for name, finish in (("finish", {"palette": "pico-8", "outline": "dark"}), ("colors", {"colors": 8, "dither": "none"}),
                         ("fields", {"background": "keep", "trim": True, "palettte": 1}), ("empty", {})):
        put("prompt", name, json.dumps(finish))
    put("prompt", "unicode", "Ritter mit Öl, 騎士, \U0001f5e1 {\"colors\": 8}")


# Nodes beside those of a plain graph: 10 is a list of LoRAs, 12 what is painted on.
COMFY: dict[str, dict[str, object]] = {
    "lora-power": {"10": {"class_type": "Power Lora Loader (rgthree)", "inputs": {
        "lora_1": {"on": True, "lora": "a.safetensors", "strength": 0.5}, "lora_2": {"on": False, "lora": "b", "strength": 1},
        "lora_3": {"on": True, "lora": "c", "strength": 1, "strengthTwo": 0.25}, "model": ["4", 0], "clip": ["4", 1]}}},
    "sdxl": {"6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {
        "width": 64, "height": 72, "target_width": 64, "target_height": 72, "crop_w": 0, "crop_h": 0, "text_g": "a bat",
        "text_l": "a bat", "clip": ["4", 1]}},
        "7": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}},
    "holder": {"14": {"class_type": "PrimitiveInt", "inputs": {"value": 11}},
               "15": {"class_type": "Reroute", "inputs": {"": ["4", 0]}}},
    "layers": {"6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {
        "width": 1024, "height": 1024, "crop_w": 0, "crop_h": 0, "target_width": 1024, "target_height": 1024,
        "text_g": "a", "text_l": "a", "clip": ["9", 0]}},
        "9": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["4", 1]}}},
    "inpaint": {"11": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
                "12": {"class_type": "VAEEncodeForInpaint", "inputs": {
                    "pixels": ["11", 0], "mask": ["11", 1], "vae": ["4", 2], "grow_mask_by": 6}}},
    "masked": {"11": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
               "13": {"class_type": "VAEEncode", "inputs": {"pixels": ["11", 0], "vae": ["4", 2]}},
               "12": {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["13", 0], "mask": ["11", 1]}}},
    "advanced": {"3": {"class_type": "KSamplerAdvanced", "inputs": {
        "add_noise": "enable", "noise_seed": 1, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
        "start_at_step": 0, "end_at_step": 10000, "return_with_leftover_noise": "disable", "model": ["4", 0],
        "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}}},
}


# "list" in the journal of: printf 'a fox\na knight\n' >l.txt && dgx-pixels batch l.txt -o out -m starter
LIST = "38aadf129e5b0b4df1dfbed2096f6e74766784d61203d0f46866984339622003"


def own_files() -> None:
    """What a person writes, or this program for itself: motions, presets, batches, and what goes into a game."""
    for path in [ROOT / "motions/walk.json", ROOT / "motions/death.json"]:
        put("motion", path.stem, path.read_bytes())
    put("motion", "broken", '{"format": "x"}')
    for name in ("item", "character", "panel", "tileset"):
        preset = json.loads((ROOT / f"presets/{name}.json").read_text())
        put("preset", name, json.dumps({**preset, **({"name": "own"} if "name" in preset else {})}))
    put("preset", "sections", '{"version": 1, "sections": "x"}')
    sheet = {"frames": {"a 0.aseprite": {"frame": {"x": 0, "y": 0, "w": 4, "h": 4}, "rotated": False, "trimmed": False,
             "spriteSourceSize": {"x": 0, "y": 0, "w": 4, "h": 4}, "sourceSize": {"w": 4, "h": 4}, "duration": 83.3}},
             "meta": {"image": "a.png", "size": {"w": 4, "h": 4}, "scale": "1", "frameTags": [{"name": "walk", "from": 0,
             "to": 0, "direction": "forward", "repeat": "2"}], "slices": [{"name": "s", "keys": [{"frame": 0, "bounds":
             {"x": 0, "y": 0, "w": 2, "h": 2}, "pivot": {"x": 1, "y": 1}, "center": {"x": 0, "y": 0, "w": 1, "h": 1}}]}]}}
    listed = {**sheet, "frames": [{"filename": "a 0", **sheet["frames"]["a 0.aseprite"]}]}  # type: ignore[dict-item]
    put("payload", "png", b"\0" + png("RGBA"))
    put("payload", "sheet", b"\1" + json.dumps(sheet).encode())
    put("payload", "listed", b"\1" + json.dumps(listed).encode())
    put("payload", "frames", b"\1" + b'{"frames": [1], "meta": {}}')
    put("payload", "tsx", b"\3" + b'<tileset name="a" tilewidth="8" tileheight="8"><image source="a.png"/></tileset>')
    put("payload", "cargo", b"\5" + b'[package]\nname = "g"\nversion = "1"\n[dependencies]\nbevy = { version = "0.19" }\n')
    picture = {"picture": 1, "line": 1, "name": "0001-a-fox-934595a9.png", "bytes": 1041, "sha256": "0" * 64,
               "request": "0" * 64, "seed": 2362354694747810}
    record = {"list": LIST, "group": 0, "pictures": [picture], "failed": []}
    put("journal", "records", b"\2" + json.dumps(record).encode() + b"\n" + json.dumps({**record, "list": "x"}).encode())
    put("journal", "types", b"\2" + json.dumps({**record, "pictures": [1, {"picture": 2**40}], "failed": "x"}).encode())
    put("journal", "lines", b"\1" + b'{"index": 0, "name": "a-fox", "state": "done", "sha256": "%s", "bytes": 9}\n' % (b"0" * 64))
    put("journal", "cut", b"\1" + b'{"index": 0, "na')
    put("journal", "identity", b"\0" + b'{"format": 1, "manifest": "x", "pictures": 2}')


OPS = ("hello status stop devices dtype open load bind read write merged merge claim release encode begin step latents "
       "end decode encode_image memory").split()


class Frame:
    """What a program asks the resident engine (src/resident/wire.h): values as they lie in memory."""

    def __init__(self, op: str) -> None:
        self.op, self.bytes = OPS.index(op), b""

    def numbers(self, code: str, *values: float) -> Frame:
        self.bytes += struct.pack("=" + code, *values)
        return self

    def array(self, data: bytes | None) -> Frame:
        self.bytes += struct.pack("=Q", 2**64 - 1 if data is None else len(data))
        self.bytes += bytes(-len(self.bytes) % 8) + (data or b"")
        return self

    def text(self, text: str) -> Frame:
        return self.array(text.encode() + b"\0")

    def whole(self) -> bytes:
        return struct.pack("<BH", self.op, len(self.bytes)) + self.bytes


def factor(frame: Frame, *shape: int) -> None:
    """An f32 one of zeros; without a shape it is absent."""
    count = 4
    for side in shape:
        count *= side
    frame.numbers("ii8q", 0, len(shape), *shape, *[0] * (8 - len(shape)))
    frame.array(bytes(count) if shape else None)


def frames() -> None:
    """Models of 4 latent channels and pictures of 3, latents of 2x2."""
    opened = Frame("open").text("id").text("cpu").numbers("4i", 1, 0, 4, 3)
    loads = [Frame("load").numbers("3i", part, 0, 0).array(b"program") for part in range(5)]
    plan = Frame("begin").numbers("7id", 1, 2, 2, 3, 2, 2, 0, 0.0)
    for count in (6, 2, 6, 2, 6, 6, 16, 16, 16, 4):
        plan.array(bytes(4 * count))
    plan.array(struct.pack("=11d", 999, 1, 1, -1, 0, 1, 0, 0, 1, 0, 5) * 2)
    paints = [Frame("encode").numbers("5i", 0, 2, 3, 4, 2).array(bytes(24)), plan,
              Frame("step").numbers("i", 0).array(bytes(64)), Frame("step").numbers("i", 1).array(None),
              Frame("latents").numbers("i", 0), Frame("latents").numbers("i", 1), Frame("end"),
              Frame("decode").numbers("6i", 0, 1, 2, 2, 16, 16).array(bytes(64)),
              Frame("encode_image").numbers("5i", 1, 16, 16, 2, 2).array(bytes(3072))]
    adapters = Frame("merge").text("set").numbers("Q", 0).numbers("i", 1).numbers("i", 2).text("w").numbers("i", 1)
    adapters.numbers("iidd", 1, 1, 1.0, 0.5)
    for _ in "xy":
        factor(adapters)
        factor(adapters, 2, 1)
        factor(adapters, 1, 2)
        factor(adapters)
        adapters.numbers("i", 0)
    factor(adapters, 2)
    weights = Frame("bind").numbers("2i", 0, 1).text("w").numbers("i", 0).numbers("Q", 16)
    weights.numbers("ii8qi", 0, 2, 4, 4, *[0] * 6, 0)
    second = Frame("bind").numbers("2i", 1, 1).text("w").numbers("i", 0).numbers("Q", 16)
    second.numbers("ii8qi", 0, 2, 4, 4, *[0] * 6, 0)
    rest = [Frame("hello"), Frame("status"), Frame("devices"), Frame("dtype").text("cpu").numbers("i", 1), opened,
            Frame("bind").numbers("2i", 0, 0), weights, second, Frame("merged").text("set"), adapters, Frame("memory"),
            Frame("read").numbers("i", 0).text("w").numbers("Q", 4), Frame("write").numbers("i", 0).text("w").array(bytes(16))]
    huge = [opened, Frame("encode").numbers("5i", 100000, 2, 3, 4, 0).array(bytes(24)), Frame("encode").numbers("5i", 0, 1, 1, 65536, 65536).array(bytes(4)),
            Frame("decode").numbers("6i", 0, 65536, 65536, 65536, 1, 1).array(b""),
            Frame("read").numbers("i", 2**31 - 1).text("w").numbers("Q", 2**31)]
    put("resident", "paints", b"".join(frame.whole() for frame in (opened, *loads, *paints)))
    put("resident", "rest", b"".join(frame.whole() for frame in rest))
    put("resident", "huge", b"".join(frame.whole() for frame in huge))
    put("resident", "channels", Frame("open").text("id").text("cpu").numbers("4i", 1, 0, 2**31 - 1, 3).whole() + plan.whole())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path)
    options = parser.parse_args()
    shutil.rmtree(SEEDS, ignore_errors=True)
    for make in (pictures, animations, palettes, weights, texts, own_files, frames):
        make()
    if options.cases:
        kinds = {".gif": "animation", ".apng": "animation", ".aseprite": "animation", ".png": "picture",
                 ".safetensors": "safetensors", ".csv": "manifest"}
        for path in sorted(options.cases.rglob("*.*")):
            if path.suffix in kinds and path.stat().st_size < 5000 and path.parent.name != "pixels":
                put(kinds[path.suffix], f"case-{path.name}", path.read_bytes())
    print(*(f"{folder.name}: {len(list(folder.iterdir()))}" for folder in sorted(SEEDS.iterdir())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
