// What every page does beyond its HTML: copies ids, asks before it acts, keeps times and live parts fresh.
// Pages are complete without it.

export const csrfToken = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const BACKGROUND = { "X-Background": "1" };  // does not keep a session alive
const POLL_MS = 5000;
const LEAST_PAUSE_MS = 2000;

// Times

const UNITS = [["d", 86400, 3600, "h"], ["h", 3600, 60, "min"], ["min", 60, 1, "s"]];

export function durationText(seconds) {
  for (const [unit, size] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

export function agoText(atMs, nowMs = Date.now()) {
  const passed = (nowMs - atMs) / 1000;
  if (Math.abs(passed) < 1) return "just now";
  return passed > 0 ? `${durationText(passed)} ago` : `in ${durationText(-passed)}`;
}

export function bytesText(size) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) { size /= 1024; unit += 1; }
  return `${unit ? size.toFixed(1).replace(/\.0$/, "") : Math.round(size)} ${units[unit]}`;
}

export const countText = (count) => Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function freshenTimes(within = document) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    time.title = clock.format(at);
    const text = "absolute" in time.dataset ? time.title : agoText(at);
    if (time.textContent !== text) time.textContent = text;
  }
}

// Ids to copy. The clipboard needs https or this machine; elsewhere the buttons stay hidden.

function offerCopies(within) {
  if (!navigator.clipboard) return;
  for (const button of within.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  button.title = "Copied";
  setTimeout(() => { button.classList.remove("copied"); button.title = "Copy"; }, 1500);
});

// Questions before actions: the same form, asked in a dialog instead of on a page of its own.

document.addEventListener("submit", (event) => {
  const form = event.target;
  const dialog = form.querySelector?.(":scope > dialog");
  if (!("confirm" in form.dataset) || !dialog || event.submitter?.name === "confirmed") return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-close]")) event.target.closest("dialog")?.close();
  else if (event.target.matches?.("dialog")) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// Enter in an input of the dialog confirms; the form's own first button would ask again.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("dialog input")) return;
  event.preventDefault();
  event.target.closest("dialog").querySelector('button[name="confirmed"]')?.click();
});

// Live parts: one stream tells that something happened; each part is asked for anew when it is concerned.

const listeners = new Set();
let after = 0;
let stream = null;
let polling = null;

// Calls listener(message) for each message of /admin/live; returns a function that ends that.
export function onLive(listener) {
  listeners.add(listener);
  connect();
  return () => listeners.delete(listener);
}

function told(message) {
  after = message.after;
  showLost(false);
  for (const listener of listeners) listener(message);
}

function connect() {
  if (stream || polling || document.hidden) return;
  stream = new EventSource(`/admin/live?after=${after}`);
  stream.onmessage = (event) => told(JSON.parse(event.data));
  stream.onerror = () => { disconnect(); if (!document.hidden) poll(); };
}

function disconnect() {
  stream?.close();
  stream = null;
  clearTimeout(polling);
  polling = null;
}

async function poll() {
  const answered = await ask(`/admin/live?once=1&after=${after}`);
  if (answered) { told(await answered.json()); polling = null; connect(); if (!stream) return; }
  if (!answered) polling = setTimeout(poll, POLL_MS);
}

// fetch, for parts of a page; null when the node does not answer. Leads to the login when the session is over.
export async function ask(address) {
  try {
    const answer = await fetch(address, { headers: BACKGROUND, cache: "no-store" });
    if (answer.status === 401) { location.reload(); return null; }
    if (answer.ok) return answer;
  } catch { /* said below */ }
  showLost(true);
  return null;
}

function showLost(lost) {
  const notice = document.getElementById("connection-lost");
  if (notice) notice.hidden = !lost;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();  // a browser has six connections to a node for all its tabs
  else if (listeners.size) connect();
});
addEventListener("pagehide", disconnect);

// Fills `part` with the fragment of `address`, unless somebody is using it.
export async function refill(part, address = part.dataset.live) {
  if (busy(part)) return;
  const answer = await ask(address);
  if (!answer || busy(part)) return;
  const fragment = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  if (part.innerHTML === fragment.innerHTML) return;
  part.replaceChildren(...fragment.childNodes);
  prepare(part);
}

const busy = (part) => part.querySelector("dialog[open]") !== null
  || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, button, a"));

function keepFresh(part) {
  const kinds = part.dataset.liveKinds?.split(" ") ?? null;
  const pause = part.dataset.livePause ? document.getElementById(part.dataset.livePause) : null;
  let last = Date.now();
  let wanted = false;
  onLive((message) => {
    wanted ||= kinds ? kinds.some((kind) => message.kinds[kind]) : true;
    if (!wanted || pause?.checked || Date.now() - last < LEAST_PAUSE_MS || busy(part)) return;
    wanted = false;
    last = Date.now();
    refill(part);
  });
}

function prepare(within) {
  freshenTimes(within);
  offerCopies(within);
}

const TONES = { online: "good", degraded: "warn", offline: "bad" };

function showState(message) {
  const badge = document.querySelector("#node-state .badge");
  if (badge && badge.textContent.trim() !== message.state) {
    badge.textContent = message.state;
    badge.className = `badge ${TONES[message.state] ?? "plain"}`;
  }
  for (const figure of document.querySelectorAll("[data-live-number]")) {
    const value = message[figure.dataset.liveNumber];
    if (typeof value === "number") figure.textContent = figure.dataset.unit === "bytes" ? bytesText(value) : countText(value);
  }
}

prepare(document);
document.querySelector("form[data-submit-now]")?.requestSubmit();
setInterval(freshenTimes, 5000);
for (const part of document.querySelectorAll("[data-live]")) keepFresh(part);
if (document.getElementById("node-state")) onLive(showState);
