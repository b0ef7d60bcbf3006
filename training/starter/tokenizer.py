# SPDX-License-Identifier: MIT OR Apache-2.0
"""A byte-pair vocabulary in CLIP's format: vocab.json and merges.txt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
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


def extend(folder: Path, words: Iterable[str], most: int, out: Path) -> None:
    """Adds merges to a vocabulary until the commonest of `words` are single tokens: at most `most`, in their order.

    What was one token stays one.  The new tokens stand before BOS and EOS, which come last.
    """
    merges = [tuple(line.split(" ")) for line in (folder / "merges.txt").read_text("utf-8").splitlines()[1:]]
    tokens = list(json.loads((folder / "vocab.json").read_text("utf-8")))
    held = load(folder)
    pieces = {w: held.tokenize(w) for w in dict.fromkeys(words)}
    known, most = set(tokens), len(tokens) + most
    for word in pieces:
        while len(pieces[word]) > 1 and len(tokens) < most:
            left, right = pieces[word][:2]
            merges.append((left, right))
            if left + right not in known:
                tokens.insert(len(tokens) - 2, left + right)
                known.add(left + right)
            pieces = {w: joined(p, left, right) for w, p in pieces.items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False), "utf-8")
    (out / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(m) for m in merges)]) + "\n", "utf-8")


def joined(pieces: list[str], left: str, right: str) -> list[str]:
    found: list[str] = []
    for piece in pieces:
        if found and found[-1] == left and piece == right:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def carried(old: Path, new: CLIPTokenizer, rows: torch.Tensor) -> torch.Tensor:
    """Embeddings of the vocabulary in `old` for a longer one: a token that it lacks begins as the mean of its pieces."""
    held = load(old)
    index, names = held.get_vocab(), sorted(new.get_vocab().items(), key=lambda each: each[1])
    made = []
    for name, _ in names:
        whole = name.removesuffix("</w>")
        parts = [index[name]] if name in index else held.convert_tokens_to_ids(
            held.tokenize(whole) if name.endswith("</w>") else [whole[0]])
        made.append(rows[parts].mean(0))
    return torch.stack(made)


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
