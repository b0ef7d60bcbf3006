// SPDX-License-Identifier: MIT OR Apache-2.0
// Pictures as pixels: loading, colors, frames, differences.  Nothing here touches the page.

const kept = new Map();  // url -> Promise<ImageData>; pictures never change
const KEPT = 256;

/** The pixels of a PNG, {width, height, data: RGBA}. */
export function load(url) {
  if (!kept.has(url)) {
    kept.set(url, decode(url));
    kept.get(url).catch(() => kept.delete(url));
    if (kept.size > KEPT) {
      kept.delete(kept.keys().next().value);
    }
  }
  return kept.get(url);
}

async function decode(url) {
  const answer = await fetch(url);
  if (!answer.ok) {
    throw new Error(`the picture is gone (${answer.status})`);
  }
  // No color management and no premultiplication: the numbers of the file.
  const bitmap = await createImageBitmap(await answer.blob(), {
    colorSpaceConversion: "none", premultiplyAlpha: "none",
  });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** The opaque colors, dark to light: [{hex, count}]. */
export function colors(image) {
  const counts = new Map();
  for (let at = 0; at < image.data.length; at += 4) {
    if (image.data[at + 3] >= 128) {
      const hex = hexAt(image, at);
      counts.set(hex, (counts.get(hex) ?? 0) + 1);
    }
  }
  return [...counts].map(([hex, count]) => ({ hex, count }))
    .sort((a, b) => lightness(a.hex) - lightness(b.hex));
}

function hexAt(image, at) {
  const number = (image.data[at] << 16) | (image.data[at + 1] << 8) | image.data[at + 2];
  return "#" + number.toString(16).padStart(6, "0");
}

function lightness(hex) {
  const number = parseInt(hex.slice(1), 16);
  return 0.2126 * (number >> 16) ** 2.2 + 0.7152 * ((number >> 8) & 255) ** 2.2 + 0.0722 * (number & 255) ** 2.2;
}

/** The picture with all other colors nearly gone. */
export function only(image, hex) {
  const out = new ImageData(new Uint8ClampedArray(image.data), image.width, image.height);
  for (let at = 0; at < out.data.length; at += 4) {
    if (hexAt(image, at) !== hex) {
      out.data[at + 3] = Math.round(out.data[at + 3] * 0.12);
    }
  }
  return out;
}

function blank(width, height) {
  return new ImageData(width, height);
}

/** Copy `image`, or columns [from, to) of it, to (x, y) of `out`. */
function put(out, image, x, y, from = 0, to = image.width) {
  for (let row = 0; row < image.height; row++) {
    const start = (row * image.width + from) * 4;
    out.data.set(image.data.subarray(start, start + (to - from) * 4), ((y + row) * out.width + x) * 4);
  }
}

/** 3x3 of it. */
export function tiled(image, times = 3) {
  const out = blank(image.width * times, image.height * times);
  for (let i = 0; i < times * times; i++) {
    put(out, image, (i % times) * image.width, Math.floor(i / times) * image.height);
  }
  return out;
}

/** Both, with a gap of two pixels. */
export function beside(a, b) {
  const out = blank(a.width + 2 + b.width, Math.max(a.height, b.height));
  put(out, a, 0, 0);
  put(out, b, a.width + 2, 0);
  return out;
}

/** `a` left of the split (0..1), `b` right of it. */
export function over(a, b, split) {
  const out = blank(Math.max(a.width, b.width), Math.max(a.height, b.height));
  const edge = Math.round(out.width * split);
  put(out, a, 0, 0, 0, Math.min(edge, a.width));
  if (edge < b.width) {
    put(out, b, edge, 0, edge);
  }
  return out;
}

/** Where they differ, in red over a faint `b`; and how many pixels do. */
export function difference(a, b) {
  const out = blank(Math.max(a.width, b.width), Math.max(a.height, b.height));
  let count = 0;
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const to = (y * out.width + x) * 4;
      const [left, right] = [pixel(a, x, y), pixel(b, x, y)];
      const same = left[3] === 0 && right[3] === 0 || left.every((value, i) => value === right[i]);
      out.data.set(same ? [right[0], right[1], right[2], right[3] * 0.25] : [255, 64, 64, 255], to);
      count += same ? 0 : 1;
    }
  }
  return { image: out, count };
}

function pixel(image, x, y) {
  if (x >= image.width || y >= image.height) {
    return [0, 0, 0, 0];
  }
  const at = (y * image.width + x) * 4;
  return [...image.data.subarray(at, at + 4)];
}

/** Cells of a strip or sheet, row by row; empty ones at the end are left out. */
export function cells(image, width) {
  const height = image.height % width === 0 && image.width >= width ? Math.min(width, image.height) : image.height;
  const found = [];
  for (let y = 0; y + height <= image.height; y += height) {
    for (let x = 0; x + width <= image.width; x += width) {
      const out = blank(width, height);
      for (let row = 0; row < height; row++) {
        const start = ((y + row) * image.width + x) * 4;
        out.data.set(image.data.subarray(start, start + width * 4), row * width * 4);
      }
      found.push(out);
    }
  }
  while (found.length > 1 && found.at(-1).data.every((value, i) => i % 4 !== 3 || value === 0)) {
    found.pop();
  }
  return found.length ? found : [image];
}
