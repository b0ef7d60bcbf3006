# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures of other formats through the command line, beside how Pillow reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_cli_pixels import Cli, good, read, scene, soften

FORMATS: dict[str, tuple[str, dict[str, Any], str]] = {
    "jpeg": ("JPEG", {"quality": 92}, "RGB"), "progressive": ("JPEG", {"quality": 92, "progressive": True}, "RGB"),
    "cmyk": ("JPEG", {"quality": 95}, "CMYK"), "grey": ("JPEG", {"quality": 92}, "L"),
    "webp": ("WEBP", {"quality": 92}, "RGB"), "lossless": ("WEBP", {"lossless": True}, "RGB"),
    "bmp": ("BMP", {}, "RGB"), "bmp-palette": ("BMP", {}, "P"), "bmp-bits": ("BMP", {}, "1"),
    "bmp-alpha": ("BMP", {}, "RGBA"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_other_formats_are_read_as_pillow_reads_them(cli: Cli, tmp_path: Path, kind: str) -> None:
    form, options, mode = FORMATS[kind]
    picture = soften(scene(), 9)
    picture.convert(mode).save(tmp_path / "in", form, **options)
    good(cli("fix", tmp_path / "in", "-o", tmp_path / "out.png", "--cell", 1, "--background", "keep",
             "--colors", "keep"))
    truth = np.array(Image.open(tmp_path / "in").convert("RGBA"), int)
    # decoders round chroma and inks each their own way
    assert np.abs(read(tmp_path / "out.png") - truth).mean() < 1.5


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_come_upright(cli: Cli, tmp_path: Path, form: str, turn: int) -> None:
    """Pillow's exif_transpose() says what upright is."""
    picture = soften(scene(), 9).crop((0, 0, 200, 300))
    exif = Image.Exif()
    exif[0x112] = turn
    picture.save(tmp_path / "in", form, exif=exif.tobytes(), quality=95)
    good(cli("fix", tmp_path / "in", "-o", tmp_path / "out.png", "--cell", 1, "--background", "keep",
             "--colors", "keep"))
    truth = np.array(ImageOps.exif_transpose(Image.open(tmp_path / "in")).convert("RGBA"), int)
    made = read(tmp_path / "out.png")
    assert made.shape == truth.shape and np.abs(made - truth).mean() < 1.5


def test_damaged_pictures_are_refused_or_read(cli: Cli, tmp_path: Path) -> None:
    """Mutated and cut JPEG, WebP and BMP files: a sprite or a sentence, never a crash."""
    rng = np.random.default_rng(4)
    names = []
    for form in ("JPEG", "WEBP", "BMP"):
        stream = io.BytesIO()
        soften(scene(), 5).save(stream, form)
        for i in range(12):
            data = bytearray(stream.getvalue())
            for at in rng.integers(0, min(len(data), 700), 6):
                data[at] = int(rng.integers(256))
            names.append(tmp_path / f"{form}{i}.{form.lower()}")
            names[-1].write_bytes(data[:int(rng.integers(20, len(data)))] if i % 3 == 0 else data)
    made = cli("fix", *names, "-o", tmp_path / "out/", "-q")
    assert made.returncode in (0, 1, 4, 7), made.stderr


def test_what_a_folder_holds_beside_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(scene()).save(tmp_path / "in/a.jpg")
    (tmp_path / "in/b.tiff").write_bytes(b"II*\0")
    (tmp_path / "in/c.heic").write_bytes(b"....ftypheic")
    made = cli("fix", tmp_path / "in", "-o", f"{tmp_path}/out/")
    assert good(made) and "2 skipped" in made.stderr and "b.tiff, c.heic" in made.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]
