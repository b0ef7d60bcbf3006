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
    put("project", "texts", b"\4" + b'{"format": 1, "texts": "x"}')
    put("document", "nested", b'files[1].path\n{"files": [{}, {"path": "a.png"}], "score": 81.5}')
    put("document", "whole", b'\n{"seed": 7}')
    put("document", "broken-path", b'files[99999999999999999999][]..\n{"files": []}')
    put("recipe", "a1111", "knight\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 5.5, "
        "Seed: 7, Size: 64x64, Model hash: 0123, Lora hashes: \"a: b, c: d\"")
    put("recipe", "ours", json.dumps({"version": 1, "model": {"file": "x"}, "parameters": {
        "prompt": "knight", "seed": 7, "steps": 4, "loras": [{"name": "x", "unet": 1}]}}))
    put("prompt", "weights", "(knight:1.2), [dog], ((cat)), \\(plain\\) BREAK <lora:x:0.5:0.2> a AND b")
    put("prompt", "unicode", "Ritter mit Öl, 騎士, \U0001f5e1 {\"colors\": 8}")


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
    rest = [Frame("hello"), Frame("status"), Frame("devices"), Frame("dtype").text("cpu").numbers("i", 1), opened,
            Frame("bind").numbers("2i", 0, 0), weights, Frame("merged").text("set"), adapters, Frame("memory"),
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
    for make in (pictures, animations, palettes, weights, texts, frames):
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
