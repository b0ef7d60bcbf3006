// SPDX-License-Identifier: MIT OR Apache-2.0
// The board: jobs, the newest above, each with its candidates as they arrive.

const $ = (id) => document.getElementById(id);
const SIDE = 112;  // CSS pixels of a candidate

export const jobs = new Map();  // id -> job, as the server tells it
const previews = new Map();     // id -> data URL of what is being painted
const articles = new Map();     // id -> element

/** Make an element: attributes, then children (texts or elements). */
export function make(name, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A job has changed; `act` has choose(id, index), stop(job), more(job). */
export function put(job, act) {
  jobs.set(job.id, job);
  if (job.state !== "running") {
    previews.delete(job.id);
  }
  const article = render(job, act), before = articles.get(job.id);
  if (before) {
    const focused = before.contains(document.activeElement) && document.activeElement.dataset.index;
    before.replaceWith(article);
    if (focused) {
      article.querySelector(`[data-index="${focused}"]`)?.focus({ preventScroll: true });
    }
  } else {
    const later = [...$("jobs").children].find((each) => jobs.get(each.dataset.id).created < job.created);
    $("jobs").insertBefore(article, later ?? null);
  }
  articles.set(job.id, article);
}

export function preview(id, data) {
  previews.set(id, `data:image/png;base64,${data}`);
  const image = articles.get(id)?.querySelector(".waiting img");
  if (image) {
    image.src = previews.get(id);
    image.hidden = false;
  }
}

function render(job, act) {
  const busy = job.state === "queued" || job.state === "running";
  const button = busy ? make("button", { textContent: "Stop", onclick: () => act.stop(job) })
    : make("button", { textContent: "More like this", onclick: () => act.more(job) });
  const article = make("article", { className: "job" },
    make("header", {}, make("h2", { textContent: job.prompt }),
      make("span", { className: `state ${job.state}`, textContent: stateOf(job) }), button));
  article.dataset.id = job.id;
  article.dataset.state = job.state;
  if (busy) {
    const bar = make("progress", { max: job.progress?.step_count || 1 });
    bar.setAttribute("aria-label", `progress of ${job.prompt}`);
    if (job.progress?.step_count || job.state === "queued") {
      bar.value = job.progress?.step ?? 0;
    }
    const image = make("img", { alt: "what is being painted", width: SIDE, height: SIDE,
      hidden: !previews.has(job.id) });
    if (previews.has(job.id)) {
      image.src = previews.get(job.id);
    }
    article.append(bar, make("div", { className: "candidates" },
      make("div", { className: "candidate waiting" }, image)));
  } else if (job.state === "done") {
    article.append(make("div", { className: "candidates" },
      ...job.images.map((picture, index) => candidate(job, picture, index, act))));
  } else if (job.error) {
    article.append(make("p", { className: "why", textContent: job.error.message }));
  }
  return article;
}

function stateOf(job) {
  if (job.state === "queued") {
    return job.position ? `waits behind ${job.position}` : "waits";
  }
  if (job.state === "running" && job.progress) {
    const left = job.progress.remaining;
    const eta = left === null || left < 0 ? "" : `, ${Math.ceil(left)} s`;
    return job.progress.step_count ? `${job.progress.phase} ${job.progress.step}/${job.progress.step_count}${eta}`
      : job.progress.phase;
  }
  return job.state === "done" ? ago(job.finished) : job.state;
}

function ago(seconds) {
  const past = Date.now() / 1000 - seconds;
  return past < 60 ? "now" : past < 3600 ? `${Math.floor(past / 60)} min ago`
    : past < 86400 ? `${Math.floor(past / 3600)} h ago` : new Date(seconds * 1000).toLocaleDateString();
}

const MARKS = { approved: "✓ approved", rejected: "✕ rejected", open: "" };

function candidate(job, picture, index, act) {
  const scale = Math.floor(SIDE / Math.max(picture.width, picture.height));
  const image = make("img", { src: picture.url, alt: "", draggable: false });
  if (scale >= 1) {  // whole pixels; larger pictures are made to fit
    image.width = picture.width * scale;
    image.height = picture.height * scale;
  }
  const { state, note } = picture.review;
  const mark = MARKS[state] + (note ? " ✎" : "");
  const button = make("button", { className: `candidate ${state}`, onclick: () => act.choose(job.id, index) }, image,
    mark ? make("span", { className: "mark", textContent: mark.trim() }) : null,
    picture.score === null ? null : make("span", { className: "score", textContent: Math.round(picture.score) }));
  button.dataset.index = index;
  button.dataset.review = state;
  button.title = `seed ${picture.seed}, ${picture.width}×${picture.height}`;
  button.setAttribute("aria-label", `${job.prompt}, candidate ${index + 1} of ${job.images.length}, ${state}`);
  return button;
}

/** Show only what the filter lets through, and count. */
export function filter(name) {
  const counts = { all: 0, open: 0, approved: 0, rejected: 0 };
  for (const article of $("jobs").children) {
    let shown = 0;
    for (const button of article.querySelectorAll("button.candidate")) {
      const { review } = button.dataset;
      counts.all++;
      counts[review]++;
      button.hidden = name !== "all" && review !== name;
      shown += button.hidden ? 0 : 1;
    }
    const unfinished = article.dataset.state !== "done" && (name === "all" || name === "open");
    article.hidden = !shown && !unfinished;
  }
  for (const button of $("filters").querySelectorAll("[data-filter]")) {
    button.setAttribute("aria-pressed", button.dataset.filter === name);
    button.querySelector("b").textContent = counts[button.dataset.filter];
  }
  $("empty").hidden = jobs.size > 0;
}

/** All candidates that can be seen, in reading order. */
export function visible() {
  return [...$("jobs").querySelectorAll(".job:not([hidden]) button.candidate:not([hidden])")];
}

/** Its button; null when it is not there. */
export function buttonOf(chosen) {
  return chosen && (articles.get(chosen.id)?.querySelector(`button[data-index="${chosen.index}"]`) ?? null);
}

/** Which candidate a button is. */
export function chosenBy(button) {
  return { id: button.closest(".job").dataset.id, index: Number(button.dataset.index) };
}
