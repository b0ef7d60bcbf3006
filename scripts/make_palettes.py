# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write src/image/palette_builtin.c from a folder of palette files whose licences allow it.

usage: scripts/make_palettes.py PALETTES_FOLDER >src/image/palette_builtin.c
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

GFX = "colors from gfx, MIT (c) Peter Hellberg"
CPC = "public domain, Juan J. Martinez"
ROBERT = "colors from gimp-palettes, MIT (c) Dezmerean Robert"

# Files that go on after the palette proper, with greys or with colors that nobody asks for by this name.
AT_MOST = {"game-boy": 4, "pico-8": 16}

# Name, file, one line that says what it is, who made it and under which licence it came.
PALETTES = [
    ("1-bit", "gfx-mit/1bit.hex", f"black and white; {GFX}"),
    ("game-boy", "robert96-mit/palettes/game-boy.gpl", f"four greens of the handheld; {ROBERT}"),
    ("2-bit-grey", "gfx-mit/2bitgrayscale.hex", f"four greys; {GFX}"),
    ("ammo-8", "gfx-mit/ammo8.hex", f"eight greens by rsvp asap; {GFX}"),
    ("nyx-8", "gfx-mit/nyx8.hex", f"eight muted colors by Javier Guerrero; {GFX}"),
    ("pico-8", "robert96-mit/palettes/pico-8.gpl",
     f"16 colors of the fantasy console by Lexaloffle Games; {ROBERT}"),
    ("sweetie-16", "misc/sweetie-16.hex",
     "16 bright colors by GrafxKid; from TIC-80, MIT (c) Vadim Grigoruk"),
    ("arne-16", "gfx-mit/arne16.hex", f"16 all-purpose colors by Arne Niklas Jansson; {GFX}"),
    ("aap-16", "gfx-mit/aap16.hex", f"16 colors for beginners by Adigun A. Polack; {GFX}"),
    ("pyxel", "misc/pyxel.gpl", "16 colors of the Pyxel engine, MIT (c) Takashi Kitao"),
    ("endesga-16", "gfx-mit/edg16.hex", f"16 vivid colors by ENDESGA; {GFX}"),
    ("endesga-32", "gfx-mit/edg32.hex", f"32 vivid colors by ENDESGA, made for NYKRA; {GFX}"),
    ("endesga-64", "gfx-mit/edg64.hex", f"64 colors for painted materials by ENDESGA; {GFX}"),
    ("aap-64", "gfx-mit/aap64.hex", f"64 natural colors by Adigun A. Polack; {GFX}"),
    ("famicube", "gfx-mit/famicube.hex", f"64 colors of the Famicube by Arne; {GFX}"),
    ("cga", "gfx-mit/cga.hex", f"16 colors of the IBM PC; {GFX}"),
    ("c64", "dma-coco-pd/C64.gpl", f"16 colors of the Commodore 64; {CPC}"),
    ("zx-spectrum", "dma-coco-pd/ZX-Spectrum.gpl", f"15 colors of the ZX Spectrum; {CPC}"),
    ("msx", "dma-coco-pd/MSX.gpl", f"16 colors of the MSX 1 (Toshiba); {CPC}"),
    ("amstrad-cpc", "dma-coco-pd/Amstrad-CPC.gpl", f"27 colors of the Amstrad CPC; {CPC}"),
    ("nes", "robert96-mit/palettes/nes.gpl", f"55 colors of the 8-bit console; {ROBERT}"),
    ("master-system", "robert96-mit/palettes/master-system.gpl",
     f"64 colors, two bits a channel; {ROBERT}"),
]

LICENCES = ["gfx-mit/LICENSE", "robert96-mit/LICENSE", "misc/LICENSE.tic80", "misc/LICENSE.pyxel"]


def read(path: Path) -> list[tuple[int, int, int]]:
    colors: list[tuple[int, int, int]] = []
    for line in path.read_text().splitlines():
        if path.suffix == ".hex" and (found := re.fullmatch(r"#?([0-9a-fA-F]{6})", line.strip())):
            value = int(found[1], 16)
            color = (value >> 16, value >> 8 & 255, value & 255)
        elif path.suffix == ".gpl" and (found := re.match(r"\s*(\d+)\s+(\d+)\s+(\d+)", line)):
            color = (int(found[1]), int(found[2]), int(found[3]))
        else:
            continue
        if color not in colors:
            colors.append(color)
    assert 2 <= len(colors) <= 256, path
    return colors


def permission(folder: Path) -> str:
    """The copyright lines of all sources, then the MIT permission, which they share."""
    holders, text = [], ""
    for name in LICENCES:
        content = (folder / name).read_text()
        holders += re.findall(r"Copyright \(c\).*", content)
        body = " ".join(content[content.index("Permission is hereby"):].split())
        assert "WITHOUT WARRANTY OF ANY KIND" in body.upper(), name
        text = text or body
    lines, line = [f" * {holder}" for holder in holders] + [" *"], " *"
    for word in text.split():
        if len(line) + 1 + len(word) > 98:
            lines.append(line)
            line = " *"
        line += " " + word
    return "\n".join([*lines, line])


def main() -> None:
    folder = Path(sys.argv[1])
    print("/* SPDX-License-Identifier: MIT */")
    print("/* The palettes that come with the library; written by scripts/make_palettes.py.")
    print(" *\n * Those marked MIT in the table below were read from files of\n *")
    print(permission(folder) + "\n */")
    print('#include "image/palette.h"\n')
    print("/* clang-format off */")
    tables = []
    for name, file, text in PALETTES:
        colors = read(folder / file)[:AT_MOST.get(name)]
        symbol = "colors_" + name.replace("-", "_")
        print(f"static const uint8_t {symbol}[][3] = {{")
        for start in range(0, len(colors), 5):
            row = ", ".join("{%3d, %3d, %3d}" % color for color in colors[start:start + 5])
            print(f"    {row},")
        print("};\n")
        tables.append((name, symbol, len(colors), text))
    print("const px_palette_builtin px_palette_builtins[] = {")
    for _, symbol, count, _ in tables:
        print(f"    {{{symbol}, {count}}},")
    print("};\n\nconst dgxp_choice px_palette_builtin_choices[] = {")
    for index, (name, _, count, text) in enumerate(tables):
        print(f'    {{{index}, "{name}",\n     "{text}"}},')
    print("};\n")
    print(f"const int32_t px_palette_builtin_count = {len(tables)};")


if __name__ == "__main__":
    main()
