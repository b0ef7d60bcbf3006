# SPDX-License-Identifier: MIT OR Apache-2.0
"""The starter's second set: what is held out stays out, captions name things as people do, the dress is an outline."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from PIL import Image  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from training.starter import (  # noqa: E402
    captions,
    config,
    corpus,
    dataset,
    diffusion,
    dolls,
    evaluate,
    export,
    model,
    names,
    objects,
    tokenizer,
    trial,
    wraps,
)
from training.starter.sprites import Sprite  # noqa: E402

CPU = torch.device("cpu")


def square(colour: tuple[int, int, int] = (200, 40, 40), side: int = 20) -> np.ndarray:
    pixels = np.zeros((config.SIZE, config.SIZE, 4), np.uint8)
    at = (config.SIZE - side) // 2
    pixels[at:at + side, at:at + side] = (*colour, 255)
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten things drawn by three hands, an unseen one and a grinning face."""
    things = [(name, "animal") for name in ("fox", "cat", "dog", "wolf", "bear", "cow", "pig", "owl", "bat", "ant")]
    rows = []
    (tmp_path / "objects").mkdir()
    for name, category in [*things, ("zebra", "animal"), ("grinning face", "icon"), ("treasure chest", "item")]:
        for hand in "abc":
            file = f"objects/{hand}-{name.replace(' ', '-')}.png"
            Image.fromarray(square(side=14 + "abc".index(hand))).save(tmp_path / file)
            rows.append({"file": file, "category": category, "name": name, "tags": [name, "thing", "striped zebra"],
                         "group": name})
    (tmp_path / "objects/manifest.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return tmp_path


def test_held_out_drawings_have_seen_words_and_unseen_words_have_no_drawing(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "HELD_THINGS", 0.5)
    sprites = objects.load_objects(folder)
    split = {name: sorted(s.split for s in sprites if s.name == name) for name in {s.name for s in sprites}}
    assert split.pop("zebra") == ["unseen"] * 3
    assert {tuple(s) for s in split.values()} == {("train", "train", "train"), ("train", "train", "val")}
    assert [(s.name, s.split) for s in sprites] == [(s.name, s.split) for s in objects.load_objects(folder)]

    everything = [*sprites, *objects.dressed(sprites)]
    everything += dataset.recoloured(everything, np.random.default_rng(1))
    weight = dataset.weights(everything)
    assert all((weight[i] > 0) == (s.split == "train") for i, s in enumerate(everything))
    assert any(s.recoloured for s in everything) and not any(s.recoloured and s.split != "train" for s in everything)
    told = " ".join(t for s in everything if s.split == "train" for t in captions.variants([s], 30, 0)[0])
    assert "zebra" not in told.split() and "fox" in told.split()
    by_name = {n: sum(float(w) for w, s in zip(weight, everything) if s.name == n) for n in ("fox", "ant")}
    assert by_name["fox"] > 2 * by_name["ant"], by_name  # a fox is asked for more often


def test_neither_set_drowns_the_other(folder: Path) -> None:
    things = objects.load_objects(folder)
    for count in (3, 300):
        old = [Sprite(square(), "monster", "orc", [], ["red"], f"g{i}", "train", source="crawl") for i in range(count)]
        weight = dataset.weights([*things, *old])
        assert weight[:len(things)].sum().item() == pytest.approx(dataset.OBJECT_SHARE)
    assert dataset.weights(old).sum().item() == pytest.approx(1)


def test_captions_use_other_words_and_say_what_is_flat(folder: Path) -> None:
    sprites = objects.load_objects(folder)
    chest = next(s for s in sprites if s.name == "treasure chest" and s.split == "train")
    told = captions.variants([chest], 400, 3)[0]
    assert {"treasure", "coffer", "strongbox"} <= set(" ".join(told).replace(",", "").split())
    assert {t.rsplit(", ", 1)[-1] for t in told if ", " in t} >= {"item", "icon"}
    share = np.mean(["flat" in t.split() for t in told])
    assert share == pytest.approx(captions.FLAT, abs=0.06)
    outlined = captions.variants(objects.dressed([chest]), 200, 3)[0]
    assert not any("flat" in t.split() for t in outlined)
    assert captions.fixed_caption(chest) == "flat red treasure chest, item"


def test_an_outline_is_one_dark_pixel_around_the_figure() -> None:
    plain = square((200, 100, 50), 20)
    got = objects.outlined(plain)
    assert got is not None
    before, after = plain[..., 3] > 0, got[..., 3] > 0
    assert (got[before] == plain[before]).all()
    ring = after & ~before
    assert ring.sum() == 4 * 20
    assert (got[ring] == (64, 32, 16, 255)).all()
    assert objects.outlined(square(side=config.SIZE)) is None


def small_settings(**changed: float) -> config.Settings:
    return config.Settings(
        text=config.TextSettings(width=32, layers=2, heads=2),
        unet=config.UnetSettings(widths=(16, 32), attention=(False, True), heads=2, norm_groups=8, time_embed=8),
        train=config.TrainSettings(batch=2, **changed))  # type: ignore[arg-type]


def test_tiles_that_wrap_are_told_from_shores() -> None:
    draw = np.random.default_rng(8)
    noise = np.concatenate([draw.integers(0, 255, (32, 32, 3)), np.full((32, 32, 1), 255)], 2).astype(np.uint8)
    brick = square((150, 80, 60), 32)
    brick[::8, :, :3] = brick[:, ::16, :3] = 40
    slope = brick.copy()
    slope[..., 0] = np.arange(32) * 8
    assert wraps.does("tile", noise) and wraps.does("tile", brick) and wraps.does("tile", np.roll(brick, 5, 0))
    assert not wraps.does("tile", slope) and not wraps.does("item", brick) and not wraps.does("tile", square())
    x = torch.from_numpy(brick).permute(2, 0, 1)[None].float()
    assert torch.equal(wraps.rolled(x, torch.tensor([[3, -5]])), x.roll((3, -5), (2, 3)))


def test_a_wrapped_network_knows_no_border() -> None:
    """Rolled by whole cells of its coarsest level in, rolled out: only where nothing is counted from the edge."""
    unet = model.build(small_settings(), 600).unet.eval()
    z = torch.randn(1, config.LATENT_CHANNELS, 16, 16)
    given = {"timestep": 500, "encoder_hidden_states": torch.randn(1, config.CONTEXT, 32),
             "added_cond_kwargs": {"text_embeds": torch.randn(1, 32), "time_ids": torch.zeros(1, 6)}}

    @torch.no_grad()
    def difference() -> float:
        straight = unet(z, **given).sample.roll((4, 2), (2, 3))
        return (unet(z.roll((4, 2), (2, 3)), **given).sample - straight).abs().max().item()

    with wraps.wrapped(unet, True):
        assert difference() < 1e-4
    assert difference() > 1e-2
    with wraps.wrapped(unet, False):
        assert difference() > 1e-2


def test_some_steps_see_tiles_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer.train(["red floor tile", "orc monster"] * 4, 560, tmp_path / "tokenizer")
    words = tokenizer.load(tmp_path / "tokenizer")
    made = [Sprite(square(side=32 if i % 2 else 20), "tile" if i % 2 else "monster", "floor" if i % 2 else "orc", [], [],
                   f"g{i}", "train" if i < 6 else "val") for i in range(8)]
    pixels = torch.from_numpy(np.stack([s.pixels for s in made])).permute(0, 3, 1, 2).contiguous()
    packed = corpus.build(dataset.SpriteSet(made, pixels, dataset.weights(made)), words)
    assert packed.wraps.tolist() == [False, True] * 4
    alone = packed.draw(32, 0.0, wrapped=True)
    assert (alone.latents[:, 3] > 0.9).all()  # alpha of the first pixel of every block: tiles fill the canvas

    seen: list[bool] = []
    real = corpus.Corpus.draw
    monkeypatch.setattr(corpus.Corpus, "draw", lambda self, batch, empty, around=False: (
        seen.append(around), real(self, batch, empty, around))[1])
    diffusion.train(packed, words, tmp_path, small_settings(samples=24, wrapped=0.5), ["orc"], CPU, None)
    assert 2 <= sum(seen) <= 10 and len(seen) == 12


@pytest.mark.parametrize(("worn", "role"), [
    ({"body": "dress", "head": "crown"}, "princess"), ({"body": "robe", "head": "crown"}, "king"),
    ({"body": "vest", "head": "straw hat", "hand1": "pitchfork"}, "farmer"),
    ({"body": "plate armour", "head": "straw hat", "hand1": "sword"}, "knight"),
    ({"body": "shirt", "hand1": "pickaxe"}, "miner"), ({"body": "coat", "head": "bandana", "hand1": "hook"}, "pirate"),
    ({"body": "robe", "head": "horned helmet", "hand1": "katana"}, "samurai"), ({"body": "coat", "head": "santa hat"}, "santa"),
    ({"body": "dress", "head": "wizard hat"}, "witch"), ({"body": "shirt"}, "")])
def test_a_doll_is_called_by_what_it_wears(worn: dict[str, str], role: str) -> None:
    parts = {layer: dolls.Part(layer, noun, noun, "", square()) for layer, noun in worn.items()}
    assert dolls.role_of(parts) == role
    assert not role or set(dolls.ALWAYS.get(role, ())) <= set(dolls.WARDROBE[role])


def test_every_line_of_the_table_is_of_the_set(data: Path) -> None:
    with tarfile.open(data / "objects-mit-apache.tar.gz") as held:
        text = held.extractfile("objects/manifest.jsonl").read().decode()  # type: ignore[union-attr]
    rows = [json.loads(line) for line in text.splitlines()]
    names = {row["name"] for row in rows}
    assert set(objects.WORDS) | objects.WANTED | objects.UNSEEN <= names
    assert not objects.WANTED & objects.UNSEEN
    assert all(others and name not in others for name, others in objects.WORDS.items())
    said = {w for row in rows if row["name"] not in objects.UNSEEN
            for text in (row["name"], *objects.without_unseen(row["tags"]), *objects.WORDS.get(row["name"], ()))
            for w in text.lower().split()}
    assert not said & objects.UNSEEN
    assert len(objects.ASKED) >= 100 and set(objects.ASKED.values()) <= names - objects.UNSEEN
    assert not said & set(objects.ASKED)
    assert {row["category"] for row in rows} <= set(objects.KINDS_OF)


def test_the_kept_judge_asks_for_both_sets(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second set's wishes come after the others, which keep their places and seeds."""
    monkeypatch.setattr(objects, "HELD_THINGS", 1.0)
    old = [Sprite(square(), "monster", f"orc {i}", [], ["red"], f"g{i}", "val", source="crawl") for i in range(4)]
    things = objects.load_objects(folder)
    made = [dataset.SpriteSet(s, torch.from_numpy(np.stack([x.pixels for x in s])).permute(0, 3, 1, 2), dataset.weights(s))
            for s in ([*old, Sprite(square(), "item", "a", [], [], "a", "train")], [*old, *things])]
    one, both = (evaluate.tasks(data, ["red potion, item"]) for data in made)
    assert both[:len(one)] == one and one[-1].part == "card"
    added = both[len(one):]
    assert {t.part for t in added} == {"held-out"} and len(added) == 12
    assert {"flat red fox, monster", "flat red treasure chest, item"} <= {t.prompt for t in added}
    painted = np.stack([square()] * len(both))
    monkeypatch.setattr(evaluate.classifier, "kinds_of", lambda _, sprites: ["monster"] * len(sprites))
    monkeypatch.setattr(evaluate, "nearest", lambda *_: {})
    figures = evaluate.judge(made[1], both, painted, tmp_path, torch.nn.Identity())
    assert figures["held_out_captions"] == 4 + 12 and figures["kind_share_of_real_by_set"] == [1.0, 1.0]
    assert figures["kind_right_made"] == pytest.approx((4 + 10) / 16)  # ten animals; a face and a chest are none


def test_the_second_judge_names_what_it_is_shown(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained on squares of one colour a thing it names the held-back ones, and squares of another thing are misses."""
    monkeypatch.setattr(objects, "HELD_THINGS", 1.0)
    monkeypatch.setattr(names, "BEST", 1)
    monkeypatch.setattr(names, "WIDTH", 8)
    sprites = objects.load_objects(folder)
    hues = {g: np.array(c) for g, c in zip(sorted({s.group for s in sprites}),
                                           np.ndindex(3, 3, 3), strict=False)}
    for s in sprites:
        s.pixels[s.pixels[..., 3] > 0, :3] = hues[s.group] * 100 + 20
    pixels = torch.from_numpy(np.stack([s.pixels for s in sprites])).permute(0, 3, 1, 2).contiguous()
    data = dataset.SpriteSet(sprites, pixels, dataset.weights(sprites))
    names.train(data, tmp_path / "judge/names.pt", steps=90, batch=16)
    judge = names.load(tmp_path / "judge/names.pt")
    todo = names.tasks(data)
    parts = [task.part for task, _ in todo]
    assert parts.count(names.PARTS[0]) == 12 and parts.count(names.PARTS[2]) == 1
    assert ("mutt, monster", "objects/dog") in {(task.prompt, group) for task, group in todo}
    first = {s.group: s.pixels for s in sprites}
    told = names.figures(data, todo, np.stack([first[group] for _, group in todo]), judge)
    assert told["real held-out drawings"][0] >= 0.9 and told[names.PARTS[0]][0] >= 0.9  # type: ignore[index]
    wrong = np.stack([first["objects/ant" if group != "objects/ant" else "objects/bat"] for _, group in todo])
    assert names.figures(data, todo, wrong, judge)[names.PARTS[0]][0] <= 0.1  # type: ignore[index]


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    tokenizer.train(["red robe", "robot, item", "a small castle", "fortress tile", "chest"] * 3, 560,
                    tmp_path / "tokenizer_2")
    return tmp_path


def test_a_longer_vocabulary_keeps_what_it_had(shipped: Path, tmp_path: Path) -> None:
    old = tokenizer.load(shipped / "tokenizer_2")
    tokenizer.extend(shipped / "tokenizer_2", ["princess", "dungeon", "campfire"], 30, tmp_path / "longer")
    new = tokenizer.load(tmp_path / "longer")
    for word in ("princess", "dungeon", "campfire"):
        assert len(old.tokenize(word)) > 1 and new.tokenize(word) == [word + "</w>"]
    assert [old.convert_ids_to_tokens(i) for i in range(len(old) - 2)] == \
        [new.convert_ids_to_tokens(i) for i in range(len(old) - 2)]
    assert (new.bos_token_id, new.eos_token_id) == (len(new) - 2, len(new) - 1)
    for text in ("red robe", "a small castle, item"):
        assert old.tokenize(text) == new.tokenize(text)


def test_weights_carry_over_to_a_longer_vocabulary(shipped: Path, tmp_path: Path) -> None:
    """A known wish is read as before; a new word begins where its pieces stood."""
    from safetensors.torch import save_file
    settings = small_settings()
    old = tokenizer.load(shipped / "tokenizer_2")
    before = model.build(settings, len(old))
    for part, name in ((before.unet, "unet/diffusion_pytorch_model"), (before.text, "text_encoder_2/model")):
        path = shipped / f"{name}.safetensors"
        path.parent.mkdir()
        save_file({k: v.contiguous() for k, v in part.state_dict().items()}, path)
    tokenizer.extend(shipped / "tokenizer_2", ["princess"], 30, tmp_path / "longer")
    new = tokenizer.load(tmp_path / "longer")
    after = model.build(settings, len(new))
    diffusion.load_bundle(after, shipped, new)
    for painter in (before, after):
        painter.both.eval()
    for text in ("red robe", "a small castle, item", ""):
        one, other = (model.read(p.text, torch.tensor(tokenizer.encode(t, [text])))
                      for p, t in ((before, old), (after, new)))
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1]), text
    rows = [p.text.get_input_embeddings().weight for p in (before, after)]
    pieces = old.convert_tokens_to_ids(old.tokenize("princess"))
    assert torch.allclose(rows[1][new.convert_tokens_to_ids("princess</w>")], rows[0][pieces].mean(0))


def test_what_is_exported_carries_the_notices(shipped: Path, tmp_path: Path, data: Path) -> None:
    words = tokenizer.load(shipped / "tokenizer_2")
    export.write(tmp_path / "out", model.build(small_settings(), len(words)), words, ["fox", "red"])
    assert (tmp_path / "out/words.txt").read_text() == "fox\nred\n"
    assert json.loads((tmp_path / "out/fields.json").read_text())["license"] == "MIT OR Apache-2.0"
    notice = " ".join((tmp_path / "out/NOTICE").read_text().split())
    told = (data / "objects-mit-apache.md").read_text()
    permission = " ".join(told[told.index("> Permission"):].replace("> ", "").split())
    assert permission in notice
    for owner in ("Copyright (c) Microsoft Corporation.", "Google Inc.", "Mozilla", "Copyright (c) 2017-2025 Miles Johnson"):
        assert owner in told and owner in notice, owner


def test_train_follows_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = {trial.Way(False, False): 5.0, trial.Way(False, True): 9.0, trial.Way(True, False): 7.0}
    monkeypatch.setattr(trial, "ways", lambda device: list(pace))
    monkeypatch.setattr(trial, "measure", lambda way, *_: {"samples_a_second": 1.0,
                                                           "samples_a_processor_second": pace[way]})
    assert trial.chosen(tmp_path, CPU) == trial.usual(CPU)
    assert trial.run(config.Settings(), 600, tmp_path, CPU) == trial.Way(False, True)
    assert trial.chosen(tmp_path, CPU) == trial.Way(False, True)


def test_a_trial_measures_a_real_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "STEPS", 1)
    got = trial.measure(trial.Way(False, True), small_settings(), 600, CPU)
    assert 0 < got["samples_a_second"] and 0 < got["samples_a_processor_second"]
