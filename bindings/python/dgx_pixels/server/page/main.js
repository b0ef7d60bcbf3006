// SPDX-License-Identifier: MIT OR Apache-2.0
// The page: which candidate is chosen, what is decided about it, keys.

import { NEWEST, ask, listen } from "./api.js";
import * as board from "./board.js";
import { make } from "./board.js";
import { load } from "./pixels.js";
import * as stage from "./stage.js";

const $ = (id) => document.getElementById(id);
let chosen = null;  // {id, index}
let pinned = null;  // likewise: what others are compared with
let filter = "all";
let following = true;  // nobody has chosen yet: the newest picture is shown

const pictureOf = (place) => place && board.jobs.get(place.id)?.images[place.index];
const isNarrow = () => matchMedia("(max-width: 860px)").matches;
const same = (a, b) => Boolean(a && b) && a.id === b.id && a.index === b.index;

function say(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => $("toast").classList.remove("shown"), 4000);
}

/** Run what may fail; its sentence is shown. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return undefined;
  }
}

// ------------------------------------------------------------------------------------- choosing

async function choose(id, index, open = true) {
  following = false;
  chosen = { id, index };
  mark();
  if (open && isNarrow() && !document.body.classList.contains("open")) {
    document.body.classList.add("open");
    history.pushState({ open: true }, "");
  }
  await attempt(showChosen);
}

function mark() {
  for (const [place, name] of [[chosen, "chosen"], [pinned, "pinned"]]) {
    document.querySelectorAll(`.candidate.${name}`).forEach((each) => each.classList.remove(name));
    board.buttonOf(place)?.classList.add(name);
  }
  document.querySelectorAll(".candidate .pin").forEach((each) => each.remove());
  board.buttonOf(pinned)?.append(make("span", { className: "pin", textContent: "pinned" }));
  $("compare").setAttribute("aria-pressed", Boolean(pinned));
}

async function showChosen() {
  const picture = pictureOf(chosen), wanted = chosen;
  showFacts(picture);
  if (!picture) {
    stage.show(null, "", null, []);
    return;
  }
  const job = board.jobs.get(chosen.id);
  const other = pictureOf(pinned);
  const [image, reference, ...frames] = await Promise.all([load(picture.url),
    other && !same(pinned, chosen) ? load(other.url) : null, ...job.images.map((each) => load(each.url))]);
  if (same(wanted, chosen)) {  // else another was chosen meanwhile
    stage.show(image, `${job.prompt}, candidate ${chosen.index + 1}`, reference, frames);
  }
}

function showFacts(picture) {
  for (const id of ["approve", "reject", "note-button", "more", "deploy", "compare"]) {
    $(id).disabled = !picture;
  }
  $("approve").setAttribute("aria-pressed", picture?.review.state === "approved");
  $("reject").setAttribute("aria-pressed", picture?.review.state === "rejected");
  $("note").hidden = !picture?.review.note;
  $("note").textContent = picture?.review.note ?? "";
  $("about").hidden = !picture;
  const facts = picture ? [["Prompt", board.jobs.get(chosen.id).prompt],
    ["Size", `${picture.width} × ${picture.height}`], ["Seed", picture.seed],
    ["Quality", picture.score === null ? "not measured" : `${Math.round(picture.score)} of 100`]] : [];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [
    make("dt", { textContent: name }), make("dd", { textContent: value })]),
  ...(picture?.warnings.length ? [make("dt", { textContent: "Look at" }), make("dd", { className: "warning",
    textContent: picture.warnings.map((name) => name.replaceAll("_", " ")).join(", ") })] : []));
  showRecipe();
}

async function showRecipe() {
  const picture = pictureOf(chosen);
  if ($("about").open && picture) {
    const about = await attempt(() => ask("GET", picture.about));
    $("recipe").textContent = JSON.stringify(about, null, 2);
  }
}

/** The next candidate (step 1) or the one before (-1); returns whether there is one. */
function move(step) {
  const all = board.visible(), at = all.indexOf(board.buttonOf(chosen));
  const next = all[at < 0 ? 0 : at + step];
  go(next);
  return Boolean(next);
}

function moveJob(step) {
  const all = board.visible(), at = all.indexOf(board.buttonOf(chosen));
  const here = chosen?.id, rest = step > 0 ? all.slice(at + 1) : all.slice(0, Math.max(at, 0)).reverse();
  const other = rest.find((each) => board.chosenBy(each).id !== here);
  const id = other && board.chosenBy(other).id;
  go(at < 0 ? all[0] : all.find((each) => board.chosenBy(each).id === id));
}

function go(button) {
  if (button) {
    const { id, index } = board.chosenBy(button);
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
    choose(id, index, false);
  }
}

/** Jobs that the stream of events did not tell of; the oldest shown tells where the next page begins. */
async function fetchJobs(query) {
  const told = await ask("GET", `/api/v1/jobs?${query}`);
  told.forEach((job) => board.put(job, { choose, stop, more }));
  board.filter(filter);
  mark();
  return told;
}

const PAGE = 50;
let oldest = null;  // of the newest ones, which are heard of from the oldest on, and of the pages before them

async function showOlder() {
  const told = await fetchJobs(`limit=${PAGE}&before=${oldest}`);
  oldest = told.at(-1)?.id ?? oldest;
  $("older").hidden = told.length < PAGE;
}

// ------------------------------------------------------------------------------------- deciding

async function decide(state) {
  const picture = pictureOf(chosen);
  if (!picture) {
    return;
  }
  const back = picture.review.state === state, place = chosen;
  const review = await attempt(() => ask("PUT", reviewPath(place), { state: back ? "open" : state }));
  if (!review) {
    return;
  }
  say(back ? "taken back" : state);
  if (!back && same(place, chosen)) {
    move(1);  // before the filter may hide this one
  }
  reviewed(place, review);
}

const reviewPath = (place) => `/api/v1/jobs/${place.id}/images/${place.index}/review`;

function reviewed(place, review) {
  const job = board.jobs.get(place.id);
  if (job) {
    job.images[place.index].review = review;
    heard.job(job);
  }
}

function note() {
  const picture = pictureOf(chosen), place = chosen;
  if (!picture) {
    return;
  }
  const dialog = $("note-dialog");
  $("note-text").value = picture.review.note;
  dialog.returnValue = "";
  dialog.showModal();
  dialog.onclose = async () => {
    if (dialog.returnValue === "save") {
      const review = await attempt(() => ask("PUT", reviewPath(place), { note: $("note-text").value }));
      if (review) {
        reviewed(place, review);
        say("note saved");
      }
    }
  };
}

async function more(job) {
  const made = job && await attempt(() => ask("POST", `/api/v1/jobs/${job.id}/again`, {}));
  if (made) {
    say("more of these are on their way");
  }
}

async function stop(job) {
  await attempt(() => ask("DELETE", `/api/v1/jobs/${job.id}`));
}

function pin() {
  pinned = pinned ? null : chosen;
  say(pinned ? "pinned: choose another to compare" : "no longer compared");
  mark();
  attempt(showChosen);
}

// ------------------------------------------------------------------------------------- deploying

async function openDeploy() {
  const picture = pictureOf(chosen);
  if (!picture) {
    return;
  }
  const { projects } = await attempt(() => ask("GET", "/api/v1/capabilities")) ?? { projects: [] };
  const words = board.jobs.get(chosen.id).prompt.toLowerCase().replace(/<[^>]*>/g, "").match(/[a-z0-9]+/g) ?? ["sprite"];
  $("deploy-project").replaceChildren(...projects.map((name) => make("option", { textContent: name })));
  $("deploy-to").value = `sprites/${words.slice(0, 3).join("-").slice(0, 60)}.png`;
  $("deploy-force").checked = false;
  $("deploy-result").textContent = "";
  $("no-project").hidden = projects.length > 0;
  $("deploy-fields").hidden = $("deploy-go").hidden = projects.length === 0;
  $("deploy-dialog").showModal();
  $("deploy-to").focus();
}

async function deploy(event) {
  event.preventDefault();  // the dialog stays, to tell how it went
  const result = $("deploy-result");
  result.className = "";
  result.textContent = "…";
  $("deploy-go").disabled = true;
  try {
    const done = await ask("POST", "/api/v1/deploy", { job: chosen.id, index: chosen.index,
      project: $("deploy-project").value, to: $("deploy-to").value, force: $("deploy-force").checked });
    const [file] = done.files;
    result.replaceChildren(`${file.action}: assets/${file.path}`, make("br"), make("code", { textContent: file.load ?? "" }));
  } catch (error) {
    result.className = "bad";
    result.textContent = error.message;
  }
  $("deploy-go").disabled = false;
}

// ------------------------------------------------------------------------------------- painting

async function paint(event) {
  event.preventDefault();
  const form = new FormData($("paint"));
  const body = { prompt: form.get("prompt"), count: Number(form.get("count")) };
  for (const name of ["kind", "style"]) {
    if (form.get(name)) {
      body[name] = form.get(name);
    }
  }
  const answer = await attempt(async () => {
    const sent = await fetch("/api/v1/generate", { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", Prefer: "respond-async" } });
    const told = await sent.json();
    if (!sent.ok) {
      throw new Error(told.detail);
    }
    return told;
  });
  if (answer) {
    $("paint-prompt").value = "";
    $("paint-prompt").blur();
  }
}

async function fillPresets() {
  for (const preset of await attempt(() => ask("GET", "/api/v1/presets")) ?? []) {
    document.querySelector(`#paint select[name=${preset.group}]`)
      ?.append(make("option", { textContent: preset.name, title: preset.help }));
  }
}

// ------------------------------------------------------------------------------------- hearing

const heard = {
  job(job) {
    oldest ??= job.id;
    board.put(job, { choose, stop, more });
    board.filter(filter);
    mark();
    if (board.jobs.size === NEWEST) {
      $("older").hidden = false;
    }
    const newer = !chosen || job.created > board.jobs.get(chosen.id).created;
    if (following && newer && !isNarrow() && job.images.length) {
      choose(job.id, 0, false);
      following = true;
    } else if (chosen?.id === job.id) {
      showFacts(pictureOf(chosen));
    }
  },
  preview({ id, data }) {
    board.preview(id, data);
  },
  link(live) {
    $("link").textContent = live ? "live" : "connecting again";
    $("link").className = `link ${live ? "live" : "lost"}`;
  },
};

// ------------------------------------------------------------------------------------- keys

const KEYS = {
  ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => moveJob(-1), ArrowDown: () => moveJob(1),
  a: () => decide("approved"), r: () => decide("rejected"), n: note, m: () => more(board.jobs.get(chosen?.id)),
  d: openDeploy, c: pin, t: () => stage.toggle("tile"), p: () => stage.toggle("play"), b: stage.nextBackground,
  "+": () => stage.zoomBy(1), "=": () => stage.zoomBy(1), "-": () => stage.zoomBy(-1), 0: () => stage.setZoom(null),
  "/": () => $("paint-prompt").focus(), "?": () => $("help").showModal(), Escape: close,
};

function close() {
  if (document.body.classList.contains("open")) {
    history.back();
  }
}

function onKey(event) {
  const typing = event.target.closest("input:not([type=range], [type=checkbox], [type=radio]), textarea, select");
  const arrows = event.key.startsWith("Arrow") && event.target.closest("input");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || arrows) {
    return;
  }
  if (typing) {
    if (event.key === "Escape") {
      event.target.blur();
    }
    return;
  }
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
}

/** A finger that draws the stage aside: the next candidate, or the one before. */
function onSwipe() {
  let from = null;
  const area = $("stage");
  area.addEventListener("touchstart", (event) => {
    from = event.touches.length === 1 && area.scrollWidth <= area.clientWidth ? event.touches[0] : null;
  }, { passive: true });
  area.addEventListener("touchend", (event) => {
    const to = event.changedTouches[0];
    if (from && Math.abs(to.clientX - from.clientX) > 60 && Math.abs(to.clientY - from.clientY) < 60) {
      move(to.clientX < from.clientX ? 1 : -1);
    }
  });
}

function begin() {
  stage.begin();
  showFacts(null);
  $("approve").onclick = () => decide("approved");
  $("reject").onclick = () => decide("rejected");
  $("note-button").onclick = note;
  $("more").onclick = () => more(board.jobs.get(chosen?.id));
  $("deploy").onclick = openDeploy;
  $("compare").onclick = pin;
  $("close").onclick = close;
  $("about").ontoggle = showRecipe;
  $("help-button").onclick = () => $("help").showModal();
  $("deploy-form").onsubmit = deploy;
  $("deploy-close").onclick = () => $("deploy-dialog").close();
  $("paint").onsubmit = paint;
  $("older").onclick = () => attempt(showOlder);
  $("filters").onclick = (event) => {
    const name = event.target.closest("[data-filter]")?.dataset.filter;
    if (name) {
      filter = name;
      board.filter(filter);
      if (name === "approved") {
        attempt(() => fetchJobs("approved=true&limit=200"));
      }
    }
  };
  addEventListener("popstate", () => document.body.classList.remove("open"));
  addEventListener("keydown", onKey);
  onSwipe();
  fillPresets();
  listen(heard);
}

begin();
