# SPDX-License-Identifier: MIT OR Apache-2.0
"""From any picture to true pixels, and the measuring of the outcome.  No model, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ctypes import byref, c_void_p, pointer
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._lowlevel import choice, document, lib, params, take_document
from .image import Image, ImageLike
from .palette import Palette, PaletteLike

# The fields of a step that are enums, by the names that dgxp_choices() has for them.
ENUMS = {"rule": "cell_rule", "background": "background", "method": "palette_method",
         "dither": "dither"}
Step = Mapping[str, Any]


@dataclass(frozen=True)
class Fixed:
    """What fix() made: the sprite and how it came about (the document of dgxp_fix())."""

    image: Image
    report: dict[str, Any]

    @property
    def palette(self) -> list[str]:
        """The colors that were used, "#rrggbb"; empty when the palette step was skipped."""
        return list(self.report.get("palette", {}).get("colors", []))

    @property
    def warnings(self) -> list[str]:
        return list(self.report.get("warnings", []))

    def _repr_png_(self) -> bytes:
        return self.image.preview()


def _step(kind: Any, values: Step | bool | None, /, **enums: str) -> Any:
    """A step's params as a pointer; True is its defaults, None or False none."""
    if values is None or values is False:
        return None
    given = dict(values) if isinstance(values, Mapping) else {}
    for name, enum in enums.items():
        if name in given:
            given[name] = choice(enum, given[name])
    return pointer(params(kind, **given))


def _color(value: int | str) -> int:
    return int(value.removeprefix("#"), 16) if isinstance(value, str) else value


def _fix_params(
    *, size: tuple[int, int] | None, cell: float | tuple[float, float] | None, grid: Step | None,
    downscale: Step | None, background: str | None, matte: Step | bool | None,
    palette: PaletteLike | None, colors: int | None, extract: Step | None, dither: str | int | None,
    keep_colors: bool, orphans: bool, jaggies: bool, outline: Step | bool | None,
    trim: Step | bool | None, tile: bool, native: bool,
) -> tuple[_abi.dgxp_fix_params, list[Any]]:
    """The params and what must live as long as they do."""
    cells = dict(grid or {})
    if size:
        cells["width"], cells["height"] = size
    if cell:
        cells["cell_width"], cells["cell_height"] = cell if isinstance(cell, tuple) else (cell, cell)
    cut = dict(matte) if isinstance(matte, Mapping) else {}
    if background:
        if background in ("auto", "keep"):
            cut["background"] = background
        else:
            cut |= {"background": "color", "color": _color(background)}
    elif "color" in cut:
        cut["color"] = _color(cut["color"])
    found = dict(extract or {})
    if colors is not None:
        found["colors"] = colors
    table = Palette.of(palette) if palette is not None else None
    made = params(
        _abi.dgxp_fix_params, keep_colors=int(keep_colors), orphans=int(orphans),
        jaggies=int(jaggies), tile=int(tile), native=int(native),
        grid=_step(_abi.dgxp_grid_params, cells or None),
        downscale=_step(_abi.dgxp_downscale_params, downscale, rule="cell_rule"),
        matte=_step(_abi.dgxp_matte_params, cut or matte, background="background"),
        palette=table.handle if table else None,
        extract=_step(_abi.dgxp_palette_params, found or None, method="palette_method"),
        quantize=_step(_abi.dgxp_quantize_params, {"dither": dither} if dither else None,
                       dither="dither"),
        outline=_step(_abi.dgxp_outline_params, outline, kind="outline"),
        trim=_step(_abi.dgxp_trim_params, trim, pivot="pivot"))
    return made, [table]


def fix(
    image: ImageLike | Sequence[ImageLike], *, size: tuple[int, int] | None = None,
    cell: float | tuple[float, float] | None = None, grid: Step | None = None,
    downscale: Step | None = None, background: str | None = None, matte: Step | bool | None = None,
    palette: PaletteLike | None = None, colors: int | None = None, extract: Step | None = None,
    dither: str | int | None = None, keep_colors: bool = False, orphans: bool = False,
    jaggies: bool = False, outline: Step | bool | None = None, trim: Step | bool | None = None,
    tile: bool = False, native: bool = False,
) -> Fixed:
    """Turn a picture into a finished sprite: one pixel a cell, clear alpha, few colors.

    `size` (width, height) in sprite pixels or `cell` in picture pixels say where the cells are; else
    they are looked for.  `background` is "auto", "keep" or "#RRGGBB".  `palette` is a name, a file or
    colors; without it as few colors as suffice are found, or `colors` of them.  `outline` and `trim`
    are off unless True or a mapping.  The mappings `grid`, `downscale`, `matte`, `extract`, `outline`
    and `trim` take the fields of the C params of the same name (include/dgxpixels.h).

    Pixel art comes out exactly as it was, without its enlargement.
    """
    if isinstance(image, (list, tuple)):
        raise TypeError("fix() takes one picture; fix_frames() takes the frames of an animation")
    options, alive = _fix_params(
        size=size, cell=cell, grid=grid, downscale=downscale, background=background, matte=matte,
        palette=palette, colors=colors, extract=extract, dither=dither, keep_colors=keep_colors,
        orphans=orphans, jaggies=jaggies, outline=outline, trim=trim, tile=tile, native=native)
    report, out = c_void_p(), c_void_p()
    lib.dgxp_fix(Image.of(image), byref(options), byref(report), byref(out))  # type: ignore[arg-type]
    del alive
    return Fixed(Image._of(out.value), take_document(report))


def _options(call: str, given: dict[str, Any]) -> tuple[_abi.dgxp_fix_params, list[Any]]:
    """What fix() takes, from keywords; unknown ones are refused."""
    defaults: dict[str, Any] = {
        "size": None, "cell": None, "grid": None, "downscale": None, "background": None, "matte": None,
        "palette": None, "colors": None, "extract": None, "dither": None, "keep_colors": False,
        "orphans": False, "jaggies": False, "outline": None, "trim": None, "tile": False,
        "native": False}
    unknown = set(given) - set(defaults)
    if unknown:
        raise TypeError(f"{call}() takes no {', '.join(sorted(unknown))}")
    return _fix_params(**{**defaults, **given})


def share_palette(images: Iterable[ImageLike], *, colors: int | None = None, **options: Any) -> Palette:
    """One palette for many pictures, which then are fixed with it: fix(image, palette=…).

    It is found in what fix() with these options leaves of each before its palette step, so pictures come
    one at a time; `colors` of them at most, else as few as suffice.
    """
    made, alive = _options("share_palette", options)
    wanted = params(_abi.dgxp_palette_params, colors=colors)
    histogram, out = c_void_p(), c_void_p()
    lib.dgxp_histogram_create(byref(histogram))
    try:
        for image in images:
            lib.dgxp_histogram_add_fixed(histogram, Image.of(image), byref(made))
        lib.dgxp_histogram_extract(histogram, byref(wanted), byref(out))
    finally:
        lib.dgxp_histogram_free(histogram)
    del alive
    return Palette._of(out.value)


def fix_frames(images: Sequence[ImageLike], **options: Any) -> list[Fixed]:
    """The same for the frames of one animation: one grid, one palette, one trim.

    Takes what fix() takes; every entry has the same report.
    """
    frames = [Image.of(image) for image in images]
    made, alive = _options("fix_frames", options)
    handles = (c_void_p * len(frames))(*(frame.handle for frame in frames))
    out, report = (c_void_p * len(frames))(), c_void_p()
    lib.dgxp_fix_frames(handles, len(frames), byref(made), byref(report), out)
    del alive
    told = take_document(report)
    return [Fixed(Image._of(made_of), told) for made_of in out]


def quality(images: ImageLike | Sequence[ImageLike], *, colors: int = 0, tile: bool = False,
            background: bool = False, palette: PaletteLike | None = None,
            source: ImageLike | None = None) -> dict[str, Any]:
    """Measure a finished sprite or the frames of an animation: the document of dgxp_quality().

    {"score": 0..100, "pass": bool, "warnings": [names], "metrics": {name: {…}}}.  `colors` is the
    limit that was wanted, `background` says that it has one (a tile, a scene).
    """
    many = images if isinstance(images, (list, tuple)) else [images]
    frames = [Image.of(image) for image in many]  # type: ignore[arg-type]
    table = Palette.of(palette) if palette is not None else None
    origin = Image.of(source) if source is not None else None
    options = params(_abi.dgxp_quality_params, colors=colors, tile=int(tile),
                     background=int(background), palette=table.handle if table else None,
                     source=origin.handle if origin else None)
    handles = (c_void_p * len(frames))(*(frame.handle for frame in frames))
    made: dict[str, Any] = document(lib.dgxp_quality, handles, len(frames), byref(options))
    return made
