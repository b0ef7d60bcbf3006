# SPDX-License-Identifier: MIT OR Apache-2.0
"""The table of settings: what it says is what requests take, and what every face has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dgxp import DgxpError, Library, Model


@pytest.fixture(scope="module")
def library(build: Path) -> Library:
    return Library(build)


@pytest.fixture(scope="module")
def model(library: Library, tiny: Path) -> Model:
    return library.open(tiny / "tiny", describe_only=True)


def rows(library: Library) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = library.document("dgxp_settings")["settings"]
    assert len(made) > 30
    return made


def values(row: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """(what must be taken, what must be refused)."""
    if row["type"] == "choice":
        return [choice["name"] for choice in row["choices"]], ["nonsense", 7]
    if row["type"] == "boolean":
        return [True, False], [1, "yes"]
    if row["type"] == "sides":
        return [[row["low"], row["low"]], [0, 0], "32x48", 32], [[row["high"] + 1, 8], [-1, 8], [1.5, 2], "x"]
    if row["type"] in ("integer", "number"):
        return [row["low"], row["high"]], [row["low"] - 1, row["high"] + 1, "many", True]
    return [], [3, ["text"]] if row["name"] != "palette" else [3]


def test_a_request_takes_what_the_table_says_and_nothing_else(library: Library, model: Model) -> None:
    seen = 0
    for row in rows(library):
        if row["type"] == "json" or row["name"] in ("prompt", "strength"):
            continue
        good, bad = values(row)
        for value in good:
            library.request(model, prompt="x", **{row["name"]: value})
        for value in bad:
            seen += 1
            with pytest.raises(DgxpError) as error:
                library.request(model, **{"prompt": "x", "kind": "item", "subject": "x", row["name"]: value})
            assert error.value.status == "bad-format" and row["name"] in error.value.text, error.value
    assert seen > 40


def test_old_names_are_refused_by_name(library: Library, model: Model) -> None:
    renamed = library.document("dgxp_settings")["renamed"]
    assert renamed["negative"] == "negative_prompt"
    for old, now in renamed.items():
        with pytest.raises(DgxpError, match=f"there is no field '{old}'; it is called '{now}'"):
            library.request(model, prompt="x", **{old: 1})


def test_a_recipe_is_a_request_with_all_that_it_tells(library: Library, model: Model) -> None:
    job = library.request(model, prompt="x", cfg_stop=0.5, eta=0.25, sampler="ddim", tiling="x", parity=True, seed=1)
    told = library.document("dgxp_job_describe", job.handle, model.handle)
    known = {row["name"] for row in rows(library)}
    recipe = {name: value for name, value in told.items() if name in known}
    about = recipe.pop("model")
    assert about["architecture"]
    again = library.request(model, **recipe)
    assert library.document("dgxp_job_describe", again.handle, model.handle) == told
    assert (told["cfg_stop"], told["eta"], told["sampler"], told["parity"]) == (0.5, 0.25, "ddim", True)


def test_guidance_has_a_window(library: Library, tiny: Path) -> None:
    """cfg_start and cfg_stop: half of the guided steps, another picture, and a recipe that says so."""
    with library.open(tiny / "tiny", device="cpu") as painting:
        asked = {"prompt": "a potion", "negative_prompt": "blur", "canvas": [64, 64], "steps": 4, "guidance": 8,
                 "seed": 3}
        pictures, passes = [], []
        for more in ({}, {"cfg_start": 0}, {"cfg_start": 0.5}, {"cfg_stop": 0.5}, {"cfg_start": 0.25, "cfg_stop": 0.75}):
            job = library.request(painting, **asked, **more)
            passes.append(library.document("dgxp_job_describe", job.handle, painting.handle)["unet_passes"])
            pictures.append(painting.generate(job)[0])
        assert passes == [8, 8, 6, 6, 6]
        plain, zero, late, early, middle = (picture.canvas.tobytes() for picture in pictures)
        assert plain == zero and len({plain, late, early, middle}) == 4
        assert pictures[2].recipe["cfg_start"] == 0.5 and "cfg_start" not in pictures[0].recipe
