// Draws the table of the page about the topology: this node in the middle, its peers where the table says.

import cytoscape from "./vendor/cytoscape.esm.min.mjs";

const MOST_EDGE_LABELS = 14;
const LEAST_ROOM_PX = 5000;
const LEAST_LETTER_PX = 9;
const LEAST_EDGE_ZOOM = .75;
const HERE = "this node";
const card = document.getElementById("topology-card");
const box = document.getElementById("topology");
const told = document.getElementById("topology-told");
const live = document.getElementById("topology-live");
const hint = told?.textContent;
let picture = null;
let wholeZoom = 1;

// The box is wider than high, and so may the picture be.
const stretch = () => Math.min(1.6, Math.max(1, (box.clientWidth / box.clientHeight) * .85));

const crowded = () => (box.clientWidth * box.clientHeight) / picture.nodes().length < LEAST_ROOM_PX;

function elements() {
  const table = document.getElementById("topology-table");
  if (!table) return [];
  const rows = [...table.tBodies[0].rows].map((row) => row.dataset);
  const linked = rows.filter((peer) => peer.status === "linked");
  const labelled = linked.length <= MOST_EDGE_LABELS;
  const wider = stretch();
  return [
    { data: { id: HERE, name: table.dataset.name }, classes: "here", position: { x: 0, y: 0 } },
    ...rows.map((peer) => ({
      data: { id: peer.id, name: peer.name, edge: peer.edge },
      classes: peer.status,
      position: { x: Number(peer.x) * wider, y: Number(peer.y) },
    })),
    ...linked.map((peer) => {
      const [source, target] = peer.direction === "inbound" ? [peer.id, HERE] : [HERE, peer.id];
      return { data: { id: `link ${peer.id}`, source, target, edge: peer.edge }, classes: `${peer.direction}${labelled ? " told" : ""}` };
    }),
  ];
}

function style() {
  const page = getComputedStyle(document.documentElement);
  const colour = (name) => page.getPropertyValue(`--${name}`).trim();
  const ground = colour("ground");
  const letters = wholeZoom < 1 && !crowded() ? Math.min(20, Math.max(12, LEAST_LETTER_PX / wholeZoom)) : 12;
  // Cytoscape would draw them at half their size, which nobody can read, over the names.
  const said = (picture?.zoom() ?? 1) < LEAST_EDGE_ZOOM ? "" : "data(edge)";
  return [
    { selector: "node", style: {
      label: "data(name)", width: 26, height: 26, "background-color": colour("faint"), color: colour("text"),
      "font-family": "system-ui, sans-serif", "font-size": letters, "text-valign": "bottom", "text-margin-y": 5,
      "text-outline-color": ground, "text-outline-width": 2, "min-zoomed-font-size": 7,
    } },
    { selector: ".here", style: { width: 46, height: 46, "background-color": colour("good"), "font-size": letters + 2, "font-weight": 600 } },
    { selector: ".linked", style: { "background-color": colour("accent") } },
    { selector: ".known", style: { color: colour("faint"), "background-opacity": .55 } },
    { selector: ".lost", style: { color: colour("faint"), "background-opacity": .1, "border-width": 2, "border-style": "dashed", "border-color": colour("warn") } },
    { selector: ".banned", style: { "background-opacity": .1, "border-width": 2, "border-color": colour("bad") } },
    { selector: "edge", style: {
      width: 1.5, "line-color": colour("faint"), "line-opacity": .7, "curve-style": "straight",
      "target-arrow-shape": "triangle", "target-arrow-color": colour("faint"), "arrow-scale": .8,
      "font-size": 11, color: colour("text"), "source-text-rotation": "autorotate", "target-text-rotation": "autorotate",
      "source-text-offset": 72, "target-text-offset": 72,
      "text-background-color": ground, "text-background-opacity": 1, "text-background-padding": 2, "min-zoomed-font-size": 7,
    } },
    // Beside the peer rather than in the middle, where the lines meet.
    { selector: "edge.outbound.told", style: { "target-label": said } },
    { selector: "edge.inbound.told", style: { "source-label": said } },
    { selector: "edge.outbound.pointed", style: { "target-label": "data(edge)" } },
    { selector: "edge.inbound.pointed", style: { "source-label": "data(edge)" } },
    { selector: "edge.pointed", style: { width: 3, "line-color": colour("accent"), "target-arrow-color": colour("accent"), "z-index": 9 } },
    { selector: "node.pointed", style: { "overlay-color": colour("accent"), "overlay-opacity": .15, "overlay-padding": 5 } },
  ];
}

function draw() {
  card.hidden = false;
  picture = cytoscape({
    container: box, elements: elements(), style: style(), layout: { name: "preset", padding: 28 },
    minZoom: .15, maxZoom: 3, autoungrabify: true, boxSelectionEnabled: false,
  });
  place();
  picture.on("resize", place);
  // A page that is scrolled must not stop at the picture: the wheel turns it only together with Ctrl, fingers with two.
  picture.userZoomingEnabled(false);
  box.addEventListener("wheel", (event) => picture.userZoomingEnabled(event.ctrlKey), { capture: true });
  picture.on("tap", "node", (event) => { if (event.target.id() !== HERE) location.href = `/admin/peers/${event.target.id()}`; });
  picture.on("mouseover", "node", (event) => point(event.target));
  picture.on("mouseout", "node", (event) => { unpoint(event.target); });
}

function place() {
  fit();
  // Not huge with three peers; and with so many that no name could be read only the middle: Whole shows all of them.
  if (picture.zoom() > 1.4) closeTo(1.4);
  if (picture.zoom() < .6 && crowded()) closeTo(.6);
}

// Small pictures get larger letters, which need room themselves.
function fit() {
  picture.fit(undefined, 28);
  wholeZoom = picture.zoom();
  picture.style(style());
  picture.fit(undefined, 28);
}

function closeTo(zoom) {
  picture.zoom(zoom);
  picture.center(picture.getElementById(HERE));
}

function point(node) {
  node.addClass("pointed");
  if (node.id() !== HERE) node.connectedEdges().addClass("pointed");
  box.style.cursor = node.id() === HERE ? "default" : "pointer";
  told.textContent = node.id() === HERE ? `${node.data("name")} is this node.` : [node.data("name"), node.classes()[0], node.data("edge")].filter(Boolean).join(" · ");
}

function unpoint(node) {
  node.removeClass("pointed");
  node.connectedEdges().removeClass("pointed");
  box.style.cursor = "";
  told.textContent = hint;
}

function nearer(factor) {
  picture.zoom({ level: picture.zoom() * factor, renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } });
  picture.style(style());
}

if (card) {
  draw();
  document.getElementById("closer").addEventListener("click", () => nearer(1.3));
  document.getElementById("further").addEventListener("click", () => nearer(1 / 1.3));
  document.getElementById("whole").addEventListener("click", fit);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => picture.style(style()));
  new MutationObserver(() => picture.json({ elements: elements() })).observe(live, { childList: true });
}
