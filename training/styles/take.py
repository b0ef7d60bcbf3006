# SPDX-License-Identifier: MIT OR Apache-2.0
"""Copy some sprites of one source out of the sprite set, with their captions beside them.

    python training/styles/take.py nouns 50 mygame/sprites
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from training.starter.config import sprite_folder  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", help="nouns or grafxkid, which the starter never saw, or another one of the set")
parser.add_argument("count", type=int)
parser.add_argument("folder", type=Path)
options = parser.parse_args()
manifest = sprite_folder() / "manifest.jsonl"
if not manifest.exists():
    parser.error(f"{manifest}: the sprite set is not unpacked there (training/starter/README.md)")
rows = [r for r in map(json.loads, manifest.read_text("utf-8").splitlines()) if r["source"] == options.source]
if len(rows) < options.count:
    parser.error(f"{options.source}: the set holds {len(rows)} of its sprites")
options.folder.mkdir(parents=True, exist_ok=True)
for row in random.Random(1).sample(rows, options.count):
    name = Path(row["file"]).name
    shutil.copyfile(manifest.parent / row["file"], options.folder / name)
    (options.folder / name).with_suffix(".txt").write_text(row["caption"] + "\n", "utf-8")
print(f"{options.folder}: {options.count} sprites with captions")
