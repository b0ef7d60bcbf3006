# SPDX-License-Identifier: MIT OR Apache-2.0
"""Copy sprites of one source out of the sprite set, with captions phrased as the starter's own.

    python training/styles/take.py nouns 50 mygame/sprites    fifty of them, a .txt beside each
    python training/styles/take.py nouns all FOLDER --manifest    all, in a manifest that says what belongs together

"small red bub running, character": a style that is told colour, kind and smallness in the words that
the base knows need not learn them as its own.
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from training.starter.captions import fixed_caption  # noqa: E402
from training.starter.config import sprite_folder  # noqa: E402
from training.starter.sprites import load_sprites  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", help="nouns or grafxkid, which the starter never saw, or another one of the set")
parser.add_argument("count", help="how many, or all")
parser.add_argument("folder", type=Path)
parser.add_argument("--manifest", action="store_true", help="captions in manifest.jsonl")
options = parser.parse_args()
place = sprite_folder()
if not (place / "manifest.jsonl").exists():
    parser.error(f"{place / 'manifest.jsonl'}: the sprite set is not unpacked there (training/starter/README.md)")
rows = [r for r in map(json.loads, (place / "manifest.jsonl").read_text("utf-8").splitlines())
        if r["source"] == options.source]
found = [(row, sprite) for row in rows for sprite in load_sprites(place, [row])]
if options.count != "all":
    if not options.count.isdigit() or not 0 < int(options.count) <= len(found):
        parser.error(f"{options.source}: the set holds {len(found)} of its sprites, so take 1 to {len(found)}, or all")
    found = random.Random(1).sample(found, int(options.count))
options.folder.mkdir(parents=True, exist_ok=True)
made, taken = [], set()
for row, sprite in found:
    name, caption = Path(row["file"]).name, fixed_caption(sprite)
    if name in taken:
        name = row["file"].replace("/", "-")
    taken.add(name)
    shutil.copyfile(place / row["file"], options.folder / name)
    if options.manifest:
        made.append(json.dumps({"file": name, "caption": caption, "group": row["group"]}) + "\n")
    else:
        (options.folder / name).with_suffix(".txt").write_text(caption + "\n", "utf-8")
if options.manifest:
    (options.folder / "manifest.jsonl").write_text("".join(made), "utf-8")
print(f"{options.folder}: {len(found)} sprites with captions")
