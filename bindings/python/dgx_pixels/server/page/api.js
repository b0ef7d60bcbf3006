// SPDX-License-Identifier: MIT OR Apache-2.0
// What the page asks the server.

export const NEWEST = 100;  // jobs that a page is told of at first

/** One request; an error of the server is thrown with its sentence. */
export async function ask(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(told.detail ?? `the server answered ${answer.status}`);
  }
  return told;
}

/**
 * Hear of all jobs as they change.  The browser connects again by itself, and is then told of the newest
 * ones anew, so nothing is missed.  `heard` has job(job), preview({id, data}) and link(isLive).
 */
export function listen(heard) {
  const source = new EventSource(`/api/v1/events?newest=${NEWEST}`);
  source.onopen = () => heard.link(true);
  source.onerror = () => {
    heard.link(false);
    if (source.readyState === EventSource.CLOSED) {  // a refusal: the browser would not try again
      setTimeout(() => listen(heard), 3000);
    }
  };
  source.addEventListener("job", (event) => heard.job(JSON.parse(event.data)));
  source.addEventListener("preview", (event) => heard.preview(JSON.parse(event.data)));
}
