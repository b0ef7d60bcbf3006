# SPDX-License-Identifier: MIT OR Apache-2.0
"""A byte-pair vocabulary in CLIP's format: vocab.json and merges.txt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from .config import CONTEXT

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train(captions: Iterable[str], size: int, folder: Path) -> None:
    """Learns the merges; the layout of the vocabulary is that of CLIP's own file:
    256 bytes, the same with </w>, one token a merge, BOS, EOS."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learner.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, end_of_word_suffix="</w>",
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    learner.train_from_iterator(captions, trainer)
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" "))
              for m in json.loads(learner.to_str())["model"]["merges"]]
    merges = merges[: size - 2 * 256 - 2]
    letters = byte_letters()
    tokens = [*letters, *(x + "</w>" for x in letters), *("".join(m) for m in merges), BOS, EOS]
    tokens = list(dict.fromkeys(tokens))
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")


def byte_letters() -> list[str]:
    """The printable stand-in of every byte, in the order of GPT-2's and CLIP's table."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]


def load(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"),
                         model_max_length=CONTEXT, bos_token=BOS, eos_token=EOS, unk_token=EOS,
                         pad_token=EOS)


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, padding="max_length", truncation=True,
                     max_length=CONTEXT)["input_ids"]
