# SPDX-License-Identifier: MIT OR Apache-2.0
"""What came out of a call."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._lowlevel import Handle, lib
from .fixing import quality
from .image import Image

if TYPE_CHECKING:
    from .job import Job


class Painted(Handle):
    """A dgxp_result: all pictures of one call."""

    _free = "dgxp_result_free"


class Result:
    """One sprite: `image`, what the model painted before any pixel step (`raw`), and the `recipe`.

    Pictures belong to the result and keep it alive; the pictures of one batch share its memory.
    """

    def __init__(self, call: Painted, index: int, job: Job) -> None:
        self._call = call
        self._index = index
        self.job = job

    @classmethod
    def _of_call(cls, pointer: int | None, jobs: Sequence[Job]) -> list[Result]:
        call = Painted(pointer)
        return [cls(call, index, job) for index, job in enumerate(jobs)]

    @property
    def image(self) -> Image:
        """The sprite, for reading."""
        return Image._of(lib.dgxp_result_image(self._call.handle, self._index), self._call)

    @property
    def raw(self) -> Image:
        """The canvas that the model painted, for reading."""
        return Image._of(lib.dgxp_result_canvas(self._call.handle, self._index), self._call)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that is needed to paint it again."""
        made: dict[str, Any] = json.loads(lib.dgxp_result_recipe(self._call.handle, self._index))
        return made

    @property
    def seed(self) -> int:
        return int(self.recipe["seed"])

    @cached_property
    def report(self) -> dict[str, Any]:
        """The quality report of the sprite: {"score", "pass", "warnings", "metrics"}."""
        tile = self.recipe.get("tiling", "none") != "none"
        return quality(self.image, tile=tile, background=tile, source=self.raw)

    @property
    def palette(self) -> list[str]:
        """The opaque colors of the sprite, "#rrggbb", sorted."""
        data = self.image.tobytes()
        return sorted({"#" + data[i:i + 3].hex() for i in range(0, len(data), 4) if data[i + 3]})

    def save(self, path: str | os.PathLike[str], *, scale: int = 1) -> None:
        """Write the sprite as PNG with its recipe in the metadata."""
        self.image.save(path, scale=scale)

    def _repr_png_(self) -> bytes:
        return self.image.preview()

    def __repr__(self) -> str:
        return f"<Result {self.image.width}x{self.image.height}, seed {self.seed}>"
