# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints the texts of tests/test_metadata.c as A1111's published reader parses them.

The pattern and the order of steps are those of stable-diffusion-webui's
modules/infotext_utils.py (parse_generation_parameters, before its defaults and size splitting).

    python tests/pixels/a1111_golden.py
"""

import json
import re

PATTERN = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')

TEXTS = [
    "a fox\nNegative prompt: blurry\nSteps: 8, Sampler: Euler a, CFG scale: 1.5, Seed: 42, Size: 512x512",
    "line one\nline two\nNegative prompt: bad,\nworse\nSteps: 20, Sampler: DPM++ 2M, Seed: 1",
    'x\nSteps: 1, Lora hashes: "a: 1f, b: 2e", Note: "say \\"hi\\"\\nthere", Version: v1.9',
    "only a prompt, with: a colon",
    "prompt\nSteps: 1, Seed: 2",
    "p\nNegative prompt:\nSteps: 3, a: 9, ab: , Hires upscale: 2, VAE/x-y: \"unclosed, Model: m",
    "",
]


def unquote(text):
    if not text or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse(text):
    prompt, negative, done = "", "", False
    *lines, last = text.strip().split("\n")
    if len(PATTERN.findall(last)) < 3:
        lines.append(last)
        last = ""
    for line in lines:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            done = True
            line = line[16:].strip()
        if done:
            negative += ("" if negative == "" else "\n") + line
        else:
            prompt += ("" if prompt == "" else "\n") + line
    return {"prompt": prompt, "negative_prompt": negative, "fields": {k: unquote(v) for k, v in PATTERN.findall(last)}}


for text in TEXTS:
    print(json.dumps(parse(text), separators=(",", ":")))
