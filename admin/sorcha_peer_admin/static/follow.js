// Lists that grow at the top: the arrival log and the events. The server makes the rows; this asks for them when there are new ones.

import { onLive, refill } from "./app.js";

const LEAST_PAUSE_MS = 500;
const LONG_PAUSE_MS = 2000;
const MOST_FRESH = 10;
const part = document.getElementById("rows");
const pause = document.getElementById("pause");
const gap = document.getElementById("gap");
let last = Number(part.dataset.last);  // the newest that is known of
let shown = last;                      // the newest that was asked for
let asked = 0;
let pauseMs = LEAST_PAUSE_MS;
let timer = null;
let paused = false;

function heardOf(newest) {
  if (newest > last) last = newest;
  if (last === shown) return;
  if (paused) sayWaiting();
  else timer ??= setTimeout(show, Math.max(0, asked + pauseMs - Date.now()));
}

async function show() {
  const newest = last;
  const before = newestRow();
  await refill(part);
  timer = null;
  asked = Date.now();
  shown = newest;
  const fresh = [...part.querySelectorAll("[data-mark]")].filter((row) => Number(row.dataset.mark) > before);
  // A whole page of new rows needs no pointing at, and time to draw.
  pauseMs = fresh.length > MOST_FRESH ? LONG_PAUSE_MS : LEAST_PAUSE_MS;
  if (fresh.length <= MOST_FRESH) for (const row of fresh) row.classList.add("fresh");
}

const newestRow = () => Number(part.querySelector("[data-mark]")?.dataset.mark ?? 0);

function sayWaiting() {
  pause.textContent = last > shown ? "Go on (there are new ones)" : "Go on";
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
  const close = () => { stream?.close(); stream = null; };
  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(`${part.dataset.stream}&after=${last}`);
    stream.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.kind === "gap") sayGap(event);
      heardOf(event.id);
    };
    stream.onerror = () => { if (stream?.readyState === EventSource.CLOSED) close(); };
  };
  // A browser has six connections to a node for all its tabs.
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  addEventListener("pagehide", close);
  open();
  onLive((message) => { if (!stream && Object.keys(message.kinds).length) heardOf(message.after); });
}

function sayGap(event) {
  gap.textContent = `${event.sentence[0].toUpperCase()}${event.sentence.slice(1)}.`;
  gap.hidden = false;
  last = shown = -1;  // numbers may begin anew
}

if (part.dataset.rows) {
  part.dataset.live = part.dataset.rows;
  pause.hidden = false;
  pause.addEventListener("click", () => setPaused(!paused));
  if (part.dataset.follow === "events") followEvents();
  else onLive((message) => {
    if (message.last_seq < last) last = shown = -1;  // another log: its numbers begin anew
    heardOf(message.last_seq);
  });
}
