// The charts of the overview: the history once, then a sample with each message of the stream.

import { ask, bytesText, countText, onLive } from "./app.js";

const FIELDS = ["at", "sent_bytes", "received_bytes", "transactions", "queue", "latency_ms"];
const MOST_POINTS = 3000;
const MOST_STEPS = 150;
const LEAST_SPAN_S = 60;
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720].map((minutes) => minutes * 60);
const block = document.getElementById("charts");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

let history = null;
let rangeS = 600;
let charts = [];

// The history in steps that a chart can show: where counters stood last, the mean latency, the longest queue.
function steps() {
  const stepS = Math.max(2, Math.round(rangeS / MOST_STEPS));
  const from = (history.at.at(-1) ?? 0) - rangeS - stepS;
  const found = [];
  for (let i = 0; i < history.at.length; i += 1) {
    const at = Math.floor(history.at[i] / stepS) * stepS;
    if (at < from) continue;
    let step = found.at(-1);
    if (step?.at !== at) found.push(step = { at, queue: 0, latency: [] });
    for (const counter of ["sent_bytes", "received_bytes", "transactions"]) step[counter] = history[counter][i];
    step.last = history.at[i];
    step.queue = Math.max(step.queue, history.queue[i]);
    if (history.latency_ms[i] !== null) step.latency.push(history.latency_ms[i]);
  }
  return found;
}

// Of counters; where they began anew there is a hole.
const rate = (counter) => (step, i, all) => {
  const before = all[i - 1];
  if (!before || step[counter] < before[counter] || step.last <= before.last) return null;
  return (step[counter] - before[counter]) / (step.last - before.last);
};
const mean = (numbers) => (numbers.length ? numbers.reduce((sum, number) => sum + number, 0) / numbers.length : null);

const perSecond = (value) => `${value < 10 ? +value.toFixed(1) : countText(value)}`;
const msText = (value) => (value >= 1000 ? `${+(value / 1000).toFixed(1)} s` : `${+value.toFixed(value < 10 ? 1 : 0)} ms`);
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
const BINARY = Array.from({ length: 34 }, (_, power) => 2 ** power);

const KINDS = {
  bandwidth: { text: (value) => `${bytesText(value)}/s`, incrs: BINARY, of: [rate("sent_bytes"), rate("received_bytes")] },
  transactions: { text: perSecond, of: [rate("transactions")] },
  latency: { text: msText, of: [(step) => mean(step.latency)] },
  queue: { text: countText, incrs: WHOLE, of: [(step) => step.queue] },
};

const columnsOf = (kind, found) => [found.map((step) => step.at), ...KINDS[kind].of.map((value) => found.map(value))];

// Of a node that is younger than the time chosen: since it is there.
const spanOf = (chart, least, most) => [Math.max(most - rangeS, Math.min(least, most - LEAST_SPAN_S)), most];

function options(element, kind) {
  const axis = { stroke: css("--faint"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const line = (color) => ({ stroke: css(color), width: 1.6, points: { show: kind === "latency", size: 3 }, spanGaps: kind === "latency", fill: `color-mix(in srgb, ${css(color)} 12%, transparent)` });
  return {
    width: element.clientWidth, height: element.clientHeight, legend: { show: false },
    // To the right there is room for half of the last time.
    padding: [8, 30, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true, range: spanOf }, y: { range: (chart, least, most) => [0, (most || 1) * 1.1] } },
    series: [{}, line("--chart-1"), line("--chart-2")].slice(0, KINDS[kind].of.length + 1),
    axes: [
      { ...axis, size: 28, space: 70, incrs: MINUTES, values: (chart, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) },
      { ...axis, size: 66, space: 34, ...(KINDS[kind].incrs && { incrs: KINDS[kind].incrs }), values: (chart, ticks) => ticks.map((value) => KINDS[kind].text(value)) },
    ],
  };
}

function draw() {
  for (const { chart } of charts) chart.destroy();
  const found = steps();
  charts = [...document.querySelectorAll("[data-chart]")].map((element) => {
    const kind = element.dataset.chart;
    return { kind, element, chart: new window.uPlot(options(element, kind), columnsOf(kind, found), element) };
  });
}

function refresh() {
  const found = steps();
  for (const { kind, chart } of charts) chart.setData(columnsOf(kind, found));
}

function append(message) {
  const { sample } = message;
  if (!history || !sample || sample.at <= (history.at[history.at.length - 1] ?? 0)) return;
  for (const field of FIELDS) {
    history[field].push(sample[field]);
    if (history[field].length > MOST_POINTS) history[field].shift();
  }
  if (!charts.length) draw();
  refresh();
}

async function begin() {
  const answer = await ask("/manage/v1/history");
  if (!answer || !window.uPlot) return;
  history = await answer.json();
  block.hidden = false;
  if (history.at.length) draw();
  onLive(append);
}

block.addEventListener("click", (event) => {
  const chosen = event.target.closest("button[data-range]");
  if (!chosen) return;
  rangeS = Number(chosen.dataset.range);
  for (const button of block.querySelectorAll("button[data-range]")) button.setAttribute("aria-pressed", String(button === chosen));
  refresh();
});
dark.addEventListener("change", () => { if (charts.length) draw(); });
new ResizeObserver(() => {
  for (const { chart, element } of charts) chart.setSize({ width: element.clientWidth, height: element.clientHeight });
}).observe(block);

begin();
