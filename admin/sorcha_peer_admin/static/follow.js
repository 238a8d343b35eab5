// Lists that grow at the top: the arrival log and the events. The server makes the rows; this asks for them when there are new ones.

import { onLive, refill } from "./app.js";

const LEAST_PAUSE_MS = 500;
const part = document.getElementById("rows");
const pause = document.getElementById("pause");
const gap = document.getElementById("gap");
let last = Number(part.dataset.last);  // the newest that is known of
let shown = last;                      // the newest that was asked for
let asked = 0;
let timer = null;
let paused = false;

function heardOf(newest) {
  if (newest > last) last = newest;
  if (last === shown) return;
  if (paused) sayWaiting();
  else timer ??= setTimeout(show, Math.max(0, asked + LEAST_PAUSE_MS - Date.now()));
}

async function show() {
  const newest = last;
  const before = newestRow();
  await refill(part);
  timer = null;
  asked = Date.now();
  // A list that somebody is in the middle of stays as it is, and is asked for with the next message.
  if (newestRow() === before && part.contains(document.activeElement)) return;
  shown = newest;
  for (const row of part.querySelectorAll("[data-mark]")) row.classList.toggle("fresh", Number(row.dataset.mark) > before);
}

const newestRow = () => Number(part.querySelector("[data-mark]")?.dataset.mark ?? 0);

function sayWaiting() {
  const number = last - shown;
  pause.textContent = number > 0 ? `Go on (${number} new)` : "Go on";
}

function setPaused(now) {
  paused = now;
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) { sayWaiting(); return; }
  pause.textContent = "Pause";
  heardOf(last);
}

// Events come one by one; where the stream does not get through, the messages of the page say that there are some.
function followEvents() {
  let stream = null;
  const open = () => {
    stream ??= new EventSource(`/manage/v1/events?follow=1&after=${last}`);
    stream.onerror = () => { if (stream?.readyState === EventSource.CLOSED) close(); };
    stream.addEventListener("gap", (event) => sayGap(event));
    for (const kind of ["message", ...part.dataset.kinds.split(" ")]) stream.addEventListener(kind, (event) => heardOf(Number(event.lastEventId)));
  };
  const close = () => { stream?.close(); stream = null; };
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  addEventListener("pagehide", close);
  open();
  onLive((message) => heardOf(message.after));
}

function sayGap(event) {
  gap.textContent = "Some events came and went while this page did not hear of any: the node keeps only the latest.";
  gap.hidden = false;
  heardOf(Number(event.lastEventId));
}

if (part.dataset.rows) {
  part.dataset.live = part.dataset.rows;
  pause.hidden = false;
  pause.addEventListener("click", () => setPaused(!paused));
  if (part.dataset.follow === "events") followEvents();
  else onLive((message) => heardOf(message.last_seq));
}
