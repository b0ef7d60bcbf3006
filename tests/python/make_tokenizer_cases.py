# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes what test_tokenizer compares with: CLIP's files and a table of prompts with Hugging Face's ids.

    python tests/python/make_tokenizer_cases.py OUT

OUT/vocab.json, OUT/merges.txt   CLIP's vocabulary (open_clip's copy) as a diffusers folder has it
OUT/merges.txt.gz                the same merges packed, as models/sdxl/tokenizer has them
OUT/cases.jsonl                  one case a line: ["prompt", special, [ids]]; special is -1, or 0 where
                                 the padding token '!' is cut out (transformers' pad_token="!")
OUT/prompts.jsonl                ["prompt", [["text", weight], ...]] by A1111's parser (BREAK: weight -1)

The code points are those of Python's Unicode table, older than those of both tokenizers.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import unicodedata
from pathlib import Path

WORDS = """pixel art sprite of a medieval knight with sword and shield, wizard staff ranger bow dragon's
don't we'll they've I'm you're he'd slime goblin 16x16 32-bit tile-able isometric top-down UI/HUD
iron-plated side_view (front) [back] 8-bit! retro... 1990s #palette @64x64 100% CamelCase ALLCAPS
naïve façade Zürich smörgåsbord Ærøskøbing straße ﬁre oﬃce İstanbul ıslak ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ Привет
сказочный замок 魔法使い 像素艺术 도트그래픽 ดาบ तलवार سيف السيف חרב ⅷ ½ ² ① ٣٤٥ ７８ e\u0301 a\u030a\u0323 o\u0323\u0302 \u1100\u1161\u11a8
🗡️ 🛡 🧙‍♂️ 👩🏽‍🚀 👨‍👩‍👧‍👦 🇨🇿 ❤️‍🔥 '' ''' -- ~~~ ... !? <3 <|x|> \\o/ $5.00 &amp; &lt; “quote” — … ™ № Ａ Ⓐ
\ufb01 \u212b \u2126 \u1e9b\u0323 \uac00 \u0958 \u2adc \u0344 \u1fee 'S 'T 'RE 'VE 'M 'LL 'D 's't 'sword ''s '!'s""".split()
SPACES = [" "] * 12 + ["  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "", "", ", ",
          ",", "\u200b", "\u200d", "\ufeff", "\x1c", "\x7f"]  # fmt: skip
FIXED = [
    "", " ", "\n\t ", "a", "!", "!!", "!!!", "!!!!", "a!b", "hello! world", ",", ", ,", "…", "'", "''", "'s",
    "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", "<|ENDOFTEXT|>", "<|EndOfText|>!!", "x<|ENDOFTEXT|>y",
    "<|STARTOFTEXT|>'s", "<|endoftext|><|startoftext|>", "<|endoftext", "<||>", "a <|endoftext|> 'S",
    "İ", "I\u0307", "ı", "ẞ", "Σ", "ΑΣ", "ǅ", "ᾈ", "K", "Å", "e\u0301\u0302", "\u0301", "q\u0307\u0323", "가", "각",
    "\u1100\u1161\u11a8", "각\u11a8", "123", "1 2", "１２", "٣", "ⅷ", "½", "a1b2", "x" * 3000, "ab" * 1500,
    "1" * 300, "!" * 300, "'s" * 200, "\u0301" * 300, "🧙" * 100, "the quick brown fox " * 75, "knight, " * 150,
    "don't", "DON'T", "don’t", "rock'n'roll", "it's'it", "'", "a'", "'re're", "\ufeffa", "\u200ba",
]  # fmt: skip


def write_clip(folder: Path) -> None:
    import open_clip
    from open_clip.tokenizer import bytes_to_unicode

    packed = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    with gzip.open(packed, "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = list(bytes_to_unicode().values())
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += ["".join(merge.split()) for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    assert len(set(tokens)) == 49408
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    (folder / "merges.txt.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    ids = json.dumps({token: index for index, token in enumerate(tokens)}, ensure_ascii=False)
    (folder / "vocab.json").write_text(ids, encoding="utf-8")


def assigned() -> list[str]:
    """Every code point with a meaning; no surrogates, no private use.

    Left out are the marks that the tokenizers package's NFC does not order: its table is Unicode 13's
    or older, and marks that came later have no combining class there.
    """
    from tokenizers.normalizers import NFC

    known = [chr(point) for point in range(1, 0x110000)
             if unicodedata.category(chr(point)) not in ("Cn", "Cs", "Co")]
    kept = [c for c in known if not unicodedata.combining(c)
            or all(NFC().normalize_str(text) == unicodedata.normalize("NFC", text)
                   for text in ("q\u0315" + c, "q" + c + "\u0334", "q\u0345" + c))]
    late = sorted(set(known) - set(kept))
    print(f"{len(late)} newer marks left out:", " ".join(f"{ord(c):04X}" for c in late))
    return kept


def make_prompts() -> list[str]:
    rng = random.Random(20240501)
    prompts = list(FIXED)
    while len(prompts) < 1400:
        words = [rng.choice(WORDS) for _ in range(rng.choice([1, 3, 8, 20, 60, 300]))]
        cased = [word if rng.random() < 0.8 else word.upper() for word in words]
        prompts.append("".join(word + rng.choice(SPACES) for word in cased))
    points = assigned()
    marks = [point for point in points if unicodedata.combining(point)]
    while len(prompts) < 2200:
        pool = rng.choice([points, marks, points[:0x250], points[:0x3000]])
        base = [rng.choice(pool) for _ in range(rng.choice([1, 4, 16, 64]))]
        prompts.append("".join(c + (rng.choice(marks) if rng.random() < 0.3 else "") for c in base))
    # Every code point once, between letters and after a digit.
    for start in range(0, len(points), 256):
        prompts.append("a".join(points[start : start + 256]) + "1")
    return prompts


# AUTOMATIC1111/stable-diffusion-webui, modules/prompt_parser.py, parse_prompt_attention()
ATTENTION = re.compile(
    r"""\\\(|\\\)|\\\[|\\]|\\\\|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|]|[^\\()\[\]:]+|:""", re.X)
BREAK = re.compile(r"\s*\bBREAK\b\s*", re.S)


def parse_attention(text: str) -> list[list]:
    res: list[list] = []
    open_brackets: dict[str, list[int]] = {"(": [], "[": []}

    def multiply(start: int, factor: float) -> None:
        for position in range(start, len(res)):
            if res[position] != ["BREAK", -1]:  # a break stays one inside brackets
                res[position][1] *= factor

    for match in ATTENTION.finditer(text):
        token, weight = match.group(0), match.group(1)
        if token.startswith("\\"):
            res.append([token[1:], 1.0])
        elif token in ("(", "["):
            open_brackets[token].append(len(res))
        elif weight is not None and open_brackets["("]:
            multiply(open_brackets["("].pop(), float(weight))
        elif token == ")" and open_brackets["("]:
            multiply(open_brackets["("].pop(), 1.1)
        elif token == "]" and open_brackets["["]:
            multiply(open_brackets["["].pop(), 1 / 1.1)
        else:
            for i, part in enumerate(BREAK.split(token)):
                if i > 0:
                    res.append(["BREAK", -1])
                res.append([part, 1.0])
    for start in open_brackets["("]:
        multiply(start, 1.1)
    for start in open_brackets["["]:
        multiply(start, 1 / 1.1)
    res = res or [["", 1.0]]
    i = 0
    while i + 1 < len(res):
        if res[i][1] == res[i + 1][1]:
            res[i][0] += res.pop(i + 1)[0]
        else:
            i += 1
    return res


def make_grammar() -> list[str]:
    rng = random.Random(7)
    parts = ["(", "(", ")", "[", "]", ":1.3)", ":0.5)", ": -0.25 )", ":1", ":", "\\(", "\\)", "\\[", "\\]", "\\\\",
             "\\", "house", " on ", "a hill", ", ", " BREAK ", "BREAK", "éBREAK", "BREAKé", "BREAK_", "、BREAK、",
             "sky", "\n", ":+.75)", ":2.)"]  # fmt: skip
    texts = ["a (((house:1.3)) [on] a (hill:0.5), sun, (((sky)))."]
    for _ in range(1500):
        texts.append("".join(rng.choice(parts) for _ in range(rng.choice([2, 5, 10, 25]))))
    return texts


def main() -> None:
    from transformers import CLIPTokenizer

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_clip(folder)
    files = {"vocab": str(folder / "vocab.json"), "merges": str(folder / "merges.txt")}
    plain = CLIPTokenizer(**files)
    parity = CLIPTokenizer(**files, pad_token="!")
    prompts = make_prompts()
    with open(folder / "cases.jsonl", "w", encoding="utf-8") as out:
        for special, tokenizer in ((-1, plain), (0, parity)):
            chosen = prompts if special < 0 else prompts[:1400]
            for prompt, ids in zip(chosen, tokenizer(chosen, verbose=False)["input_ids"], strict=True):
                assert ids[0] == 49406 and ids[-1] == 49407
                out.write(json.dumps([prompt, special, ids[1:-1]]) + "\n")
    with open(folder / "prompts.jsonl", "w", encoding="utf-8") as out:
        for text in make_grammar():
            out.write(json.dumps([text, parse_attention(text)]) + "\n")


if __name__ == "__main__":
    main()
