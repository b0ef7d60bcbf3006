# SPDX-License-Identifier: MIT OR Apache-2.0
"""The starter's recipe on made-up sprites: what travels to another machine comes back the same."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from training.starter import captions, config, corpus, diffusion, model, shards, tokenizer  # noqa: E402
from training.starter.dataset import SpriteSet, weights  # noqa: E402
from training.starter.sprites import Sprite  # noqa: E402

KINDS = ("item", "tile", "monster", "character")


def sprites() -> list[Sprite]:
    draw = np.random.default_rng(3)
    made = []
    for i in range(24):
        pixels = np.zeros((config.SIZE, config.SIZE, 4), np.uint8)
        top, left = draw.integers(2, 10, 2)
        pixels[top:top + 18, left:left + 14] = (*draw.integers(0, 256, 3), 255)
        kind = KINDS[i % 4]
        made.append(Sprite(pixels, kind, f"shape {'abcdefgh'[i % 8]}", [kind], ["red"], f"g{i // 3}",
                           "val" if i % 6 == 5 else "train", small=i % 5 == 0))
    return made


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.train(["red shape, item", "a shape tile", "monster", "small character"] * 4, 700, folder)
    return tokenizer.load(folder)


@pytest.fixture(scope="module")
def packed(words: object) -> corpus.Corpus:
    made = sprites()
    pixels = torch.from_numpy(np.stack([s.pixels for s in made])).permute(0, 3, 1, 2).contiguous()
    return corpus.build(SpriteSet(made, pixels, weights(made)), words)  # type: ignore[arg-type]


def small_settings() -> config.Settings:
    return config.Settings(
        text=config.TextSettings(width=32, layers=2, heads=2),
        unet=config.UnetSettings(widths=(16, 32), attention=(False, True), heads=2, norm_groups=8, time_embed=8),
        train=replace(config.TrainSettings(), batch=4, samples=12, warmup=1))


def test_a_corpus_that_travelled_draws_the_same(packed: corpus.Corpus, tmp_path: Path) -> None:
    packed.save(tmp_path / "corpus.npz")
    again = corpus.Corpus.load(tmp_path / "corpus.npz")
    torch.manual_seed(1)
    one = packed.draw(16, 0.1)
    torch.manual_seed(1)
    other = again.draw(16, 0.1)
    for name in ("latents", "ids", "time_ids"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert set(np.load(tmp_path / "corpus.npz").files) >= {"pixels", "ids", "weight"}


def test_moved_pictures_are_crops_and_the_time_ids_say_which() -> None:
    x = torch.rand(3, 4, config.SIZE, config.SIZE)
    crop = torch.tensor([[0, 0], [2, -3], [-1, 1]])
    got = corpus.moved(x, crop)
    assert torch.equal(got[0], x[0])
    assert torch.equal(got[1][:, :-2, 3:], x[1][:, 2:, :-3])
    assert (got[1][:, -2:] == -1).all() and (got[1][:, :, :3] == -1).all()
    ids = corpus.time_ids(torch.tensor([False, False, True]), crop, torch.tensor([False, True, False]))
    assert ids.tolist() == [[32, 32, 0, 0, 32, 32], [32, -32, 2, -3, 32, 32], [16, 16, -1, 1, 32, 32]]


def test_held_out_sprites_are_never_drawn(packed: corpus.Corpus) -> None:
    held = packed.held_out()
    assert len(held.latents) == 4
    torch.manual_seed(2)
    picks = torch.multinomial(packed.weight, 4000, replacement=True)
    assert not (packed.weight[picks] == 0).any()
    assert (held.time_ids == torch.tensor([32.0, 32, 0, 0, 32, 32])).all()


def test_weights_that_came_back_are_the_trained_ones(packed: corpus.Corpus, words: object, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    s, cpu = small_settings(), torch.device("cpu")
    diffusion.train(packed, words, tmp_path / "run", s, ["red shape, item"], cpu, None)  # type: ignore[arg-type]
    trained = diffusion.load_trained(tmp_path / "run", cpu)
    monkeypatch.setattr(shards, "LIMIT", 100_000)
    shards.write(tmp_path / "back", trained)
    files = list((tmp_path / "back").glob("*.safetensors"))
    assert len(files) > 1 and all(f.stat().st_size < 200_000 for f in files)
    back = diffusion.load_trained(tmp_path / "back", cpu)
    assert back.settings.unet == s.unet
    for name, tensor in trained.both.state_dict().items():
        assert torch.equal(back.both.state_dict()[name], tensor.to(torch.bfloat16).to(tensor.dtype)), name
    with pytest.raises(SystemExit, match="train first"):
        diffusion.load_trained(tmp_path / "nothing", cpu)


def test_words_only_leaves_the_drawing_as_it_is(packed: corpus.Corpus, words: object, tmp_path: Path) -> None:
    s, cpu = small_settings(), torch.device("cpu")
    shards.write(tmp_path / "base", model.build(s, len(words)))  # type: ignore[arg-type]
    diffusion.train(packed, words, tmp_path / "run", s, ["red shape, item"], cpu, None,  # type: ignore[arg-type]
                    tmp_path / "base", words_only=True)
    before = diffusion.load_trained(tmp_path / "base", cpu).both.state_dict()
    after = diffusion.load_trained(tmp_path / "run", cpu).both.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(n.startswith("text.") or ".attn2." in n or "add_embedding" in n for n in changed)


def test_made_up_words_keep_the_kind() -> None:
    sprite, seen = sprites()[0], set()
    draw = np.random.default_rng(4)
    for _ in range(400):
        text = captions.caption(sprite, draw)
        if "shape" not in text:
            assert text.endswith("item"), text
            seen.add(text)
    assert len(seen) > 40
    assert captions.material("brown", "broken door") == "wooden"
    assert captions.material("brown", "bear") == "brown"
