// SPDX-License-Identifier: MIT OR Apache-2.0
// The stage: one picture large, in whole pixels; tiled, as a clip, or beside another.

import * as pixels from "./pixels.js";

const $ = (id) => document.getElementById(id);
export const BACKGROUNDS = ["checker", "dark", "light", "grass", "sky", "magenta"];

const state = {
  image: null, label: "", pinned: null,  // ImageData
  frames: [],                            // of the job, for clips
  zoom: null,                            // null: the largest that fits
  tile: false, play: false, color: null,
};
let clip = [], frame = 0, timer = 0;

/** Show a picture (null: none), with the one to compare with and the frames of its clip. */
export function show(image, label, pinned, frames) {
  if (image !== state.image) {
    state.color = null;
  }
  Object.assign(state, { image, label, pinned, frames });
  $("clip-cell").placeholder = image ? String(image.height) : "";
  update();
}

/** Draw everything anew. */
export function update() {
  const { image } = state;
  $("clip-options").hidden = !state.play;
  $("clip-cell-label").hidden = $("clip-source").value !== "cells";
  $("compare-options").hidden = !state.pinned;
  $("stage").querySelector(".empty").hidden = Boolean(image);
  $("canvas").hidden = !image;
  clearInterval(timer);
  drawPalette();
  if (!image) {
    $("stage").setAttribute("aria-label", "Nothing chosen");
    $("zoom-shown").value = "";
    return;
  }
  clip = state.play ? chosenFrames() : [];
  if (state.play) {
    const speed = Number($("clip-speed").value);
    $("clip-shown").value = `${clip.length} frames, ${speed} a second`;
    timer = setInterval(() => {
      frame = (frame + 1) % clip.length;
      draw();
    }, 1000 / speed);
    frame %= clip.length;
  }
  draw();
}

function chosenFrames() {
  if ($("clip-source").value === "cells") {
    const width = Math.max(1, Math.min(Number($("clip-cell").value) || state.image.height, state.image.width));
    return pixels.cells(state.image, width);
  }
  return state.frames.length ? state.frames : [state.image];
}

function composed() {
  let image = state.play ? clip[frame] : state.image;
  if (state.pinned && !state.play) {
    const how = document.querySelector("input[name=how]:checked").value;
    $("split").hidden = how !== "over";
    const { count, image: marked } = pixels.difference(state.pinned, image);
    $("compare-shown").value = count ? `${count} pixels differ` : "no pixel differs";
    if (how === "difference") {
      return marked;
    }
    return how === "beside" ? pixels.beside(state.pinned, image)
      : pixels.over(state.pinned, image, Number($("split").value) / 100);
  }
  if (state.color) {
    image = pixels.only(image, state.color);
  }
  return state.tile ? pixels.tiled(image) : image;
}

function draw() {
  const image = composed(), canvas = $("canvas"), zoom = zoomOf(image);
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.style.width = `${image.width * zoom}px`;
  canvas.style.height = `${image.height * zoom}px`;
  snap(canvas);
  canvas.dataset.frame = state.play ? frame : "";
  $("zoom").value = zoom;
  $("zoom-shown").value = `${zoom}×`;
  $("stage").setAttribute("aria-label", `${state.label}, enlarged ${zoom} times`);
}

/** Onto whole pixels of the screen: else some of the picture's would be wider than others. */
function snap(canvas) {
  canvas.style.left = canvas.style.top = "0";
  const { x, y } = canvas.getBoundingClientRect(), density = devicePixelRatio;
  const off = (value) => Math.round(value * density) / density - value;
  canvas.style.left = `${off(x)}px`;
  canvas.style.top = `${off(y)}px`;
}

function zoomOf(image) {
  if (state.zoom) {
    return state.zoom;
  }
  const stage = $("stage"), room = 36;
  const fits = Math.min((stage.clientWidth - room) / image.width, (stage.clientHeight - room) / image.height);
  return Math.max(1, Math.min(16, Math.floor(fits)));
}

/** 1..16, or null: the largest that fits. */
export function setZoom(zoom) {
  state.zoom = zoom === null ? null : Math.max(1, Math.min(16, zoom));
  if (state.image) {
    draw();
  }
}

export function zoomBy(step) {
  setZoom(Number($("zoom").value) + step);
}

export function toggle(what) {
  state[what] = !state[what];
  $(what).setAttribute("aria-pressed", state[what]);
  update();
}

export function setBackground(name) {
  for (const each of BACKGROUNDS) {
    $("stage").classList.toggle(`bg-${each}`, each === name);
    $("jobs").classList.toggle(`on-${each}`, each === name);
    $(`bg-${each}`).setAttribute("aria-pressed", each === name);
  }
  localStorage.setItem("background", name);
}

export function nextBackground() {
  const now = BACKGROUNDS.findIndex((each) => $("stage").classList.contains(`bg-${each}`));
  setBackground(BACKGROUNDS[(now + 1) % BACKGROUNDS.length]);
}

function drawPalette() {
  const found = state.image ? pixels.colors(state.image) : [];
  $("palette").replaceChildren(...found.slice(0, 256).map(({ hex, count }) => {
    const swatch = document.createElement("button");
    swatch.style.background = hex;
    swatch.title = `${hex}: ${count} pixels`;
    swatch.setAttribute("aria-label", swatch.title);
    swatch.setAttribute("aria-pressed", state.color === hex);
    swatch.onclick = () => {
      state.color = state.color === hex ? null : hex;
      for (const each of $("palette").children) {
        each.setAttribute("aria-pressed", each === swatch && state.color === hex);
      }
      draw();
    };
    return swatch;
  }));
}

/** Wire the controls of the stage itself. */
export function begin() {
  for (const name of BACKGROUNDS) {
    const button = document.createElement("button");
    button.id = `bg-${name}`;
    button.className = `bg-${name}`;
    button.title = `${name} (B: the next)`;
    button.setAttribute("aria-label", `background: ${name}`);
    button.onclick = () => setBackground(name);
    $("backgrounds").append(button);
  }
  const last = localStorage.getItem("background");
  setBackground(BACKGROUNDS.includes(last) ? last : "checker");
  $("zoom").oninput = () => setZoom(Number($("zoom").value));
  $("smaller").onclick = () => zoomBy(-1);
  $("larger").onclick = () => zoomBy(1);
  $("tile").onclick = () => toggle("tile");
  $("play").onclick = () => toggle("play");
  for (const id of ["clip-source", "clip-cell", "clip-speed", "split"]) {
    $(id).oninput = update;
  }
  document.querySelectorAll("input[name=how]").forEach((radio) => (radio.onchange = update));
  new ResizeObserver(() => state.image && draw()).observe($("stage"));
  update();
}
