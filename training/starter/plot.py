# SPDX-License-Identifier: MIT OR Apache-2.0
"""The curves of a run as one PNG and one CSV short enough to commit."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

CURVES = (("painter", ("loss", "loss_high", "loss_mid", "loss_low", "loss_val")),)
COLOURS = ("#1f4e9c", "#c0392b", "#d98c1f", "#2e8b57", "#111111")
WIDTH, HEIGHT, MARGIN = 640, 300, 46
ROWS = 200  # of the CSV at most


def write(folder: Path, out: Path) -> None:
    panels = [(name, fields, read(folder / f"{name}.csv")) for name, fields in CURVES
              if (folder / f"{name}.csv").exists()]
    out.mkdir(parents=True, exist_ok=True)
    sheet = Image.new("RGB", (WIDTH, HEIGHT * len(panels)), "white")
    for i, (name, fields, rows) in enumerate(panels):
        sheet.paste(panel(name, fields, rows), (0, i * HEIGHT))
        thinned = rows[:: max(1, len(rows) // ROWS)]
        with open(out / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows({k: f"{v:.5g}" for k, v in r.items()} for r in thinned)
    sheet.save(out / "curves.png")


def read(path: Path) -> list[dict[str, float]]:
    with open(path, encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def panel(name: str, fields: Sequence[str], rows: Sequence[dict[str, float]]) -> Image.Image:
    """One diagram over minutes; the range leaves out the first falls."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    later = rows[len(rows) // 20:]
    top = max(r[f] for r in later for f in fields if r[f] == r[f]) * 1.05
    end = max(r["minutes"] for r in rows)

    def place(minutes: float, value: float) -> tuple[float, float]:
        x = MARGIN + (WIDTH - 2 * MARGIN) * minutes / max(end, 1e-9)
        return x, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(value / top, 1)

    for tick in range(6):
        value, minutes = top * tick / 5, end * tick / 5
        y, x = place(0, value)[1], place(minutes, 0)[0]
        draw.line([(MARGIN, y), (WIDTH - MARGIN, y)], fill="#dddddd")
        draw.text((4, y - 6), f"{value:.3g}", fill="black")
        draw.text((x - 8, HEIGHT - MARGIN + 6), f"{minutes:.0f}", fill="black")
    for colour, field in zip(COLOURS, fields):
        points = [place(r["minutes"], r[field]) for r in rows if r[field] == r[field]]
        if len(points) > 1:
            draw.line(points, fill=colour, width=2)
        draw.text((MARGIN + 90 * fields.index(field), 14), field, fill=colour)
    draw.text((WIDTH - MARGIN - 120, HEIGHT - 18), f"{name}, minutes", fill="black")
    return image
