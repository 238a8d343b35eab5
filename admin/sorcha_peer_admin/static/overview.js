// The charts of the overview: the history once, then a sample with each message of the stream.

import { ask, bytesText, countText, onLive } from "./app.js";

const FIELDS = ["at", "sent_bytes", "received_bytes", "transactions", "queue", "latency_ms"];
const MOST_POINTS = 3000;
const block = document.getElementById("charts");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

let history = null;
let rangeS = 600;
let charts = [];

// Rates from counters; a gap or a restart of the counters leaves a hole.
function rates(column) {
  const { at } = history;
  return column.map((value, i) => {
    if (!i || value === null || column[i - 1] === null || value < column[i - 1]) return null;
    return (value - column[i - 1]) / Math.max(1, at[i] - at[i - 1]);
  });
}

const perSecond = (value) => `${value < 10 ? +value.toFixed(1) : countText(value)}`;
const msText = (value) => (value >= 1000 ? `${+(value / 1000).toFixed(1)} s` : `${+value.toFixed(value < 10 ? 1 : 0)} ms`);

const KINDS = {
  bandwidth: { text: (value) => `${bytesText(value)}/s`, columns: () => [rates(history.sent_bytes), rates(history.received_bytes)] },
  transactions: { text: perSecond, columns: () => [rates(history.transactions)] },
  latency: { text: msText, columns: () => [history.latency_ms] },
  queue: { text: countText, columns: () => [history.queue] },
};

function visible(columns) {
  const from = history.at[history.at.length - 1] - rangeS;
  const start = history.at.findIndex((at) => at >= from);
  return [history.at, ...columns].map((column) => column.slice(Math.max(0, start)));
}

function options(element, kind, count) {
  const axis = { stroke: css("--faint"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const line = (color) => ({ stroke: css(color), width: 1.6, points: { show: false }, fill: `color-mix(in srgb, ${css(color)} 12%, transparent)` });
  return {
    width: element.clientWidth, height: element.clientHeight, legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true, range: (chart, least, most) => [most - rangeS, most] }, y: { range: (chart, least, most) => [0, (most || 1) * 1.1] } },
    series: [{}, line("--chart-1"), line("--chart-2")].slice(0, count + 1),
    axes: [
      { ...axis, size: 28, space: 70, values: (chart, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) },
      { ...axis, size: 74, space: 36, values: (chart, ticks) => ticks.map((value) => KINDS[kind].text(value)) },
    ],
  };
}

function draw() {
  for (const { chart } of charts) chart.destroy();
  charts = [...document.querySelectorAll("[data-chart]")].map((element) => {
    const kind = element.dataset.chart;
    const columns = KINDS[kind].columns();
    return { kind, element, chart: new window.uPlot(options(element, kind, columns.length), visible(columns), element) };
  });
}

function refresh() {
  for (const { kind, chart } of charts) chart.setData(visible(KINDS[kind].columns()));
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
