# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ground truth for grid recovery: pixel-art scenes and seeded ways to spoil them.

A scene is a [n, n, 3] uint8 picture of at most 32 colours on a flat background.  degrade() paints it
large the way diffusion models do: blurred, wobbling, off the grid, drifting or warped, through JPEG.
"""

import io
import os
import tarfile

import numpy as np
from PIL import Image

MODES = ("clean", "soft", "offset", "drift", "warp")
BACKGROUNDS = ((255, 0, 255), (200, 200, 200), (250, 250, 250), (34, 32, 52), (92, 148, 98))


# ------------------------------------------------------------------------------------- sprites
def draw_sprite(rng, size=32):
    """A mirrored blob with a shaded body, a dark 1-pixel outline, eyes and stray details; RGBA."""
    half = size // 2
    yy, xx = np.mgrid[0:size, 0:half]
    grow = rng.random((size, half))
    near = 1 - np.hypot((yy - size / 2) / (size * rng.uniform(0.36, 0.48)), (half - xx - 0.5) / (half * rng.uniform(0.7, 0.95)))
    body = near + (grow - 0.5) * rng.uniform(0.5, 0.9) > 0.12
    for _ in range(2):
        padded = np.pad(body.astype(int), 1, mode="edge")
        count = sum(padded[dy : dy + size, dx : dx + half] for dy in range(3) for dx in range(3))
        body = count >= 5
    body = np.concatenate([body, body[:, ::-1]], 1)
    body[[0, -1]] = False
    body[:, [0, -1]] = False
    outline = body.copy()
    outline[1:] |= body[:-1]
    outline[:-1] |= body[1:]
    outline[:, 1:] |= body[:, :-1]
    outline[:, :-1] |= body[:, 1:]
    outline &= ~body
    hue = rng.random(3) * 0.7 + 0.3
    steps = int(rng.integers(3, 6))
    ramp = np.array([np.clip(hue * 255 * (0.35 + 0.75 * i / (steps - 1)), 0, 255) for i in range(steps)])
    light = 1 - np.hypot(*(np.mgrid[0:size, 0:size] - np.array([size * 0.35, size * 0.4])[:, None, None])) / (size * 0.7)
    light += (rng.random((size, size)) - 0.5) * 0.25
    level = np.clip((light * steps).astype(int), 0, steps - 1)
    out = np.zeros((size, size, 4), np.uint8)
    out[body, :3] = ramp[level][body]
    accents = rng.integers(0, 256, (3, 3))
    for colour in accents:
        ys, xs = np.nonzero(body)
        for at in rng.integers(0, max(len(ys), 1), 6):
            if len(ys):
                out[ys[at], xs[at], :3] = colour
                out[ys[at], size - 1 - xs[at], :3] = colour
        for _ in range(2):  # a belt or a blade
            if len(ys):
                y, x = ys[rng.integers(len(ys))], xs[rng.integers(len(xs))]
                run = int(rng.integers(3, 9))
                line = slice(x, min(x + run, size))
                out[y, line, :3][body[y, line]] = colour
    out[body, 3] = 255
    out[outline] = (*(ramp[0] * 0.3).astype(np.uint8), 255)
    return out


def load_cc0(limit=400, seed=5):
    """32x32 CC0 sprites of the shared archive, or [] where DGXP_TEST_DATA is unset."""
    folder = os.environ.get("DGXP_TEST_DATA", "")
    path = os.path.join(folder, "sprites-cc0.tar.gz")
    if not folder or not os.path.exists(path):
        return []
    found = []
    with tarfile.open(path) as tar:
        names = [m for m in tar.getmembers() if m.name.endswith(".png") and "crawl" in m.name]
        names.sort(key=lambda m: m.name)
        order = np.random.default_rng(seed).permutation(len(names))[: limit * 3]
        for at in sorted(order):  # in file order: a gzip stream cannot seek backwards
            image = Image.open(io.BytesIO(tar.extractfile(names[at]).read()))
            if image.size == (32, 32):
                sprite = np.array(image.convert("RGBA"))
                if (sprite[..., 3] > 127).sum() > 120:
                    found.append(sprite)
    rng = np.random.default_rng(seed)
    return [found[i] for i in rng.permutation(len(found))[:limit]]


def compose(rng, size, sprites):
    """`size` square scene of 32x32 sprites on one flat colour, at most 32 colours in all."""
    back = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    scene = np.empty((size, size, 3), np.uint8)
    scene[:] = back
    for y in range(0, size, 32):
        for x in range(0, size, 32):
            sprite = sprites[rng.integers(len(sprites))] if sprites else draw_sprite(rng)
            if rng.random() < 0.5:
                sprite = sprite[:, ::-1]
            inside = sprite[..., 3] > 127
            scene[y : y + 32, x : x + 32][inside] = sprite[..., :3][inside]
    reduced = Image.fromarray(scene).quantize(31, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB")
    reduced = np.array(reduced)
    flat = (scene == np.array(back, np.uint8)).all(-1)
    reduced[flat] = back
    return reduced


# -------------------------------------------------------------------------------- degradation
def _blur(plane, sigma):
    radius = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * plane.ndim
        pad[axis] = (radius, radius)
        wide = np.pad(plane, pad, mode="edge")
        take = lambda i: np.take(wide, np.arange(i, i + plane.shape[axis]), axis)
        plane = sum(k * take(i) for i, k in enumerate(kernel))
    return plane


def _smooth_noise(rng, count, sigma):
    wide = rng.standard_normal(count + 8 * int(sigma + 1))
    kernel = np.exp(-0.5 * (np.arange(-3 * sigma, 3 * sigma + 1) / sigma) ** 2)
    line = np.convolve(wide, kernel, "same")[4 * int(sigma + 1) :][:count]
    return (line - line.mean()) / line.std()


def _jpeg(picture, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))


def degrade(rng, scene, mode, cell=None):
    """(canvas, cell size): `clean` is an integer enlargement at JPEG 95; the others are real-valued,
    blurred by 0.10 cell, with noise and a colour wobble per cell, JPEG 88 (warp 85)."""
    n = scene.shape[0]
    if mode == "clean":
        cell = cell or int(rng.integers(4, 1024 // n + 1))
        return _jpeg(scene.repeat(cell, 0).repeat(cell, 1), 95), cell
    cell = cell or rng.uniform(7.5, min(16, 1024 / n))
    width = int(round(n * cell))
    cell = width / n
    centre = (np.arange(width) + 0.5) / cell  # in cells
    u, v = np.meshgrid(centre, centre)
    if mode in ("offset", "warp"):
        shift = rng.uniform(-0.5, 0.5, 2) if mode == "offset" else (0, 0)
        u, v = u + shift[0], v + shift[1]
    if mode == "drift":
        for field, axis in ((0, 1), (1, 0)):
            cuts = np.arange(n + 1) + 0.2 * _smooth_noise(rng, n + 1, 3) + 0.1 * rng.standard_normal(n + 1)
            cuts[0], cuts[-1] = -1, n + 1
            index = np.searchsorted(np.maximum.accumulate(cuts), centre, "right") - 1.0 + 0.5
            if field == 0:
                u = np.broadcast_to(index[None, :], u.shape)
            else:
                v = np.broadcast_to(index[:, None], v.shape)
    if mode == "warp":
        coarse = rng.standard_normal((2, n + 24, n + 24))
        fields = []
        for plane in coarse:  # a Gaussian of 2.5 cells turns over about every 10 cells
            smooth = _blur(plane, 2.5)[12:-12, 12:-12]
            smooth = (smooth - smooth.mean()) / smooth.std() * 0.25
            fields.append(np.array(Image.fromarray(smooth.astype(np.float32)).resize((width, width), Image.Resampling.BICUBIC)))
        u, v = u + fields[0], v + fields[1]
    wobble = scene.astype(np.float32) + rng.standard_normal(scene.shape) * 4
    columns = np.clip(np.floor(u), 0, n - 1).astype(int)
    rows = np.clip(np.floor(v), 0, n - 1).astype(int)
    canvas = _blur(wobble[rows, columns], 0.10 * cell)
    canvas += rng.standard_normal(canvas.shape) * 4
    canvas = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return _jpeg(canvas, 85 if mode == "warp" else 88), cell


def paint(rng, size=512):
    """A painted picture without any grid: soft blobs, gradients and brush grain."""
    yy, xx = np.mgrid[0:size, 0:size] / size
    out = np.zeros((size, size, 3))
    out += rng.random(3) * 90 + 80 * yy[..., None] * rng.random(3)
    for _ in range(24):
        cy, cx, r = rng.random(), rng.random(), rng.uniform(0.03, 0.25)
        angle = rng.uniform(0, np.pi)
        dx, dy = xx - cx, yy - cy
        a, b = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        d = np.hypot(a / r, b / (r * rng.uniform(0.4, 1)))
        mask = 1 / (1 + np.exp((d - 1) * rng.uniform(8, 60)))
        shade = (1 - 0.5 * d.clip(0, 1))[..., None]
        out = out * (1 - mask[..., None]) + mask[..., None] * shade * rng.integers(40, 255, 3)
    out += _blur(rng.standard_normal((size, size)), 1.2)[..., None] * 12
    return _jpeg(np.clip(out, 0, 255).astype(np.uint8), 92)


# ---------------------------------------------------------------------------------- measuring
def oklab(rgb):
    """OKLab of [..., 3] bytes, float64, from the published constants."""
    c = np.asarray(rgb, np.float64) / 255
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(c @ np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]).T)
    return lms @ np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]).T


def accuracy(scene, out):
    """Share of exactly right pixels after snapping to the scene's palette, best of +-1 cell; 0 where
    the size is wrong."""
    if out.shape[:2] != scene.shape[:2]:
        return 0.0
    palette, truth = np.unique(scene.reshape(-1, 3), axis=0, return_inverse=True)
    truth = truth.reshape(scene.shape[:2])
    lab, entries = oklab(out[..., :3]), oklab(palette)
    snapped = ((lab[:, :, None] - entries) ** 2).sum(-1).argmin(-1)
    best = 0.0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            moved = np.pad(snapped, 1, mode="edge")[1 + dy : 1 + dy + truth.shape[0], 1 + dx : 1 + dx + truth.shape[1]]
            best = max(best, float((moved == truth).mean()))
    return best
