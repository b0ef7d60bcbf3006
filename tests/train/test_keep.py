# SPDX-License-Identifier: MIT OR Apache-2.0
"""keep_from: at high noise a style learns to do as the base does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_set, run_file


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> tuple[Any, Any, Any]:
    """Settings, the base with fresh adapters, and the prepared set of a run that keeps from 0.6 on."""
    from dgx_pixels.train import adapters, base as bases, prepare, settings

    folder = tmp_path_factory.mktemp("keep")
    make_set(folder / "sprites", 8)
    (folder / "keep.txt").write_text("rat, monster\n\n  king, character\n")
    file = run_file(folder, "kept", adapter={"kind": "locon", "rank": 2, "alpha": 2.0, "text_encoders": [2]},
                    data={"folder": str(folder / "sprites"), "views": 1,
                          "keep_prompts": ["@keep.txt", "gem, item"]},
                    train={"steps": 1, "batch": 10, "keep_from": 0.6, "caption_dropout": 0.0})
    s = settings.load(file)
    base = bases.load(s)
    data = prepare.prepare(s, base)
    adapters.add(s, base)
    return s, base, data


def test_what_is_kept(parts: tuple[Any, Any, Any]) -> None:
    """Exactly the noisy ones, with the words of keep_prompts and of its file, with and without the trigger."""
    from dgx_pixels.train import objective

    s, base, data = parts
    assert s.data.keep_prompts == ["rat, monster", "king, character", "gem, item"]
    seen = set()
    for number in range(20):
        batch = objective.draw_batch(s, base, data, number)
        assert batch.kept == [i for i, t in enumerate(batch.timesteps.tolist()) if t >= 600]
        for i, plain in zip(batch.kept, batch.plain, strict=True):
            assert data.texts[batch.rows[i]] == f"spacy style, {data.texts[plain]}"
            seen.add(data.texts[plain])
        others = {data.texts[r] for i, r in enumerate(batch.rows) if i not in batch.kept}
        assert all("creature" in text for text in others)
    assert seen == set(s.data.keep_prompts)


def test_the_target_is_what_the_base_says(parts: tuple[Any, Any, Any]) -> None:
    """Bit for bit, while the adapters say something else; and it is the target of the kept alone."""
    from dgx_pixels.train import adapters, objective

    s, base, data = parts
    batch = objective.draw_batch(s, base, data, 0)
    with torch.no_grad():  # fresh adapters change nothing, so this is the base
        fresh = objective.base_says(s, base, data, batch)
        whole = objective.predict(base, *(x[batch.kept] for x in (batch.latents, batch.noise, batch.timesteps)),
                                  *objective.read_captions(base, data, batch.plain))
    assert torch.equal(fresh, whole)
    torch.manual_seed(1)
    for pair in adapters.pairs(s, base):
        pair.up.normal_(std=0.1)
    assert torch.equal(objective.base_says(s, base, data, batch), fresh)
    context, pooled = objective.read_captions(base, data, batch.rows)
    usual = objective.losses(base, batch, context, pooled)
    kept = objective.losses(base, batch, context, pooled, said=fresh)
    changed = {i for i, (a, b) in enumerate(zip(usual.tolist(), kept.tolist())) if a != b}
    assert changed == set(batch.kept) and len(changed) == 4
    said = objective.predict(base, batch.latents, batch.noise, batch.timesteps, context, pooled)[batch.kept]
    assert torch.allclose((said - fresh).square().mean((1, 2, 3)), kept[batch.kept], rtol=1e-4)
    # The adapters are on again, and learn.
    kept.mean().backward()
    assert all(p.grad is not None for net in adapters.networks(s, base).values()
               for n, p in net.named_parameters() if ".lora_B" in n)


def test_a_file_that_is_not_there(tmp_path: Path, starter: Path) -> None:
    from dgx_pixels.train import settings
    from dgx_pixels.train.errors import TrainError

    file = run_file(tmp_path, "kept", evaluate={"prompts": ["@missing.txt"]})
    with pytest.raises(TrainError, match=r"\[evaluate\] prompts: .*missing\.txt cannot be read"):
        settings.load(file)
