// Drawing: dagre lays out what is shown, cytoscape draws edges and follows the mouse, nodes are HTML above it.

const $ = (id) => document.getElementById(id);
const NAME_FONT = "600 13px system-ui, sans-serif";
const SUB_FONT = "11px system-ui, sans-serif";
const WIDEST = 230;
const GAP = 90;   // between ranks
const CLOSEST = 1.15;  // small pictures are not blown up
const FURTHEST = 0.75; // large ones stay readable: one moves about in them

const GROUP_WORDS = {more: "", rows: "features"};

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

function measured(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    ruler.font = font;
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

/** The parts of a node's label: a small line above it (what it belongs to), its name, a small line below. */
function label({node, count}) {
  const above = node.isGroup ? GROUP_WORDS[node.kind] ?? node.kind : leading(node.name);
  const below = node.isGroup && count < node.members.length && node.kind !== "more"
    ? `${count} of ${plural(node.members.length, MEMBERS[node.kind])}` : subtitle(node);
  return {above, name: node.isGroup ? node.name : lastPart(node.name), below};
}

function size(text) {
  const wide = Math.max(
    measured(text.name, NAME_FONT), measured(text.above, SUB_FONT) + 10, measured(text.below, SUB_FONT),
  );
  return {w: Math.min(WIDEST, Math.ceil(wide) + 30), h: text.above ? 54 : 40};
}

let cy = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function edgeStyle() {
  return [
    {selector: "node", style: {width: "data(w)", height: "data(h)", shape: "rectangle", opacity: 0}},
    {selector: "edge", style: {
      "width": 1.4, "line-color": colour("--edge"), "target-arrow-color": colour("--edge"),
      "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": "unbundled-bezier",
      "edge-distances": "endpoints", "source-endpoint": "90deg", "target-endpoint": "270deg",
      "control-point-distances": "data(bends)", "control-point-weights": "data(weights)",
    }},
    {selector: "edge.indirect", style: {
      "line-style": "dashed", "line-dash-pattern": [5, 4], "width": 1.1,
      "line-color": colour("--edge-indirect"), "target-arrow-color": colour("--edge-indirect"),
    }},
    {selector: "edge.near", style: {
      "width": 2, "line-color": colour("--accent"), "target-arrow-color": colour("--accent"), "z-index": 9,
    }},
  ];
}

function startDrawing(onNode, onNothing) {
  cytoscape.warnings(false);
  cy = cytoscape({
    container: $("graph"), style: edgeStyle(), minZoom: 0.1, maxZoom: 2.5, autoungrabify: true,
    boxSelectionEnabled: false,
  });
  cy.on("tap", "node", (event) => onNode(event.target.id()));
  cy.on("tap", (event) => event.target === cy && onNothing());
  cy.on("mouseover", "edge", showTip);
  cy.on("mouseover", "node", () => { $("graph").style.cursor = "pointer"; });
  cy.on("mouseout", "node", () => { $("graph").style.cursor = ""; });
  cy.on("mouseout pan zoom", () => { $("tip").hidden = true; });
  cy.on("viewport", moveNodes);
}

function moveNodes() {
  const {x, y} = cy.pan();
  $("nodes").style.transform = `translate(${x}px, ${y}px) scale(${cy.zoom()})`;
}

function spokenKinds(kinds) {
  return EDGE_KINDS.filter((_, bit) => kinds >> bit & 1).join(", ");
}

function showTip(event) {
  const {kinds, words} = event.target.data();
  const {x, y} = event.renderedPosition;
  $("tip").textContent = `${words}: ${spokenKinds(kinds) || "listed on demand"}`;
  $("tip").style.left = `${x + 12}px`;
  $("tip").style.top = `${y + 12}px`;
  $("tip").hidden = false;
}

/** Lays a picture out, and shows it with the node `heart` in sight. Returns nothing; `cy` and `#nodes` hold it. */
function draw(picture, heart) {
  const stands = picture.nodes.map((stand) => ({stand, text: label(stand)}));
  const names = new Map(stands.map(({stand, text}) => [stand.id, text.name]));
  cy.batch(() => {
    cy.elements().remove();
    cy.add(stands.map(({stand, text}) => ({group: "nodes", data: {id: stand.id, ...size(text)}})));
    // among what may stand anywhere, dagre puts the ends of later edges on top
    cy.add([...picture.edges].reverse().map((edge) => ({
      group: "edges",
      classes: edge.kinds & VALUE ? "" : "indirect",
      data: {
        id: edge.id, source: edge.from, target: edge.to, kinds: edge.kinds, bends: [0, 0], weights: [0.3, 0.7],
        words: `${names.get(edge.from)} → ${names.get(edge.to)}`,
      },
    })));
  });
  if (picture.nodes.length) {
    cy.layout({
      name: "dagre", rankDir: "LR", nodeSep: 14, edgeSep: 8, rankSep: GAP, animate: false, fit: false,
      useDagreEdgeControlPoints: true,
    }).run();
  }
  bend();
  place(stands);
  look(heart);
}

/** Edges leave to the right and enter from the left. Long ones go where dagre keeps room for them between nodes. */
function bend() {
  const wide = new Map();
  cy.nodes().forEach((node) => {
    const at = Math.round(node.position("x") / GAP);
    for (const near of [at - 1, at, at + 1]) wide.set(near, Math.max(wide.get(near) ?? 0, node.width() / 2));
  });
  cy.batch(() => cy.edges().forEach((edge) => {
    const [from, to] = [edge.source(), edge.target()];
    const start = {x: from.position("x") + from.width() / 2, y: from.position("y")};
    const end = {x: to.position("x") - to.width() / 2, y: to.position("y")};
    const [dx, dy] = [end.x - start.x, end.y - start.y];
    const length = Math.hypot(dx, dy) || 1;
    const ranks = kept(edge).filter((_, number) => number % 2);
    const away = ranks.length ? GAP / 2 : dx / 2;
    const flat = ranks.flatMap(({x, y}) => {
      const half = wide.get(Math.round(x / GAP)) ?? 0;  // an edge stays level until it has passed the rank
      return [{x: x - half, y}, {x: x + half, y}];
    });
    const points = [{x: start.x + away, y: start.y}, ...flat, {x: end.x - away, y: end.y}];
    edge.data({
      weights: points.map((p) => ((p.x - start.x) * dx + (p.y - start.y) * dy) / length ** 2),
      bends: points.map((p) => ((p.y - start.y) * dx - (p.x - start.x) * dy) / length),
    });
  }));
}

/**
 * The points that dagre gave an edge, as it tells them: along the line between the ends' borders. They lie in turn
 * between two ranks and within one.
 */
function kept(edge) {
  const {controlPointWeights: weights, controlPointDistances: far} = edge.scratch();
  if (!weights) return [];
  const [from, to] = [edge.source(), edge.target()];
  const [dx, dy] = [to.position("x") - from.position("x"), to.position("y") - from.position("y")];
  const length = Math.hypot(dx, dy) || 1;
  const first = from.width() / 2 / length;
  const last = 1 - to.width() / 2 / length;
  return weights.map((weight, number) => {
    const along = first + weight * (last - first);
    return {
      x: from.position("x") + dx * along - dy / length * far[number],
      y: from.position("y") + dy * along + dx / length * far[number],
    };
  });
}

function place(stands) {
  $("nodes").replaceChildren(...stands.map(({stand, text}) => {
    const {x, y} = cy.getElementById(stand.id).position();
    const {w, h} = cy.getElementById(stand.id).data();
    const box = document.createElement("div");
    const {node} = stand;
    box.className = `node ${node.kind}${node.isGroup ? " group" : ""}${node.facts.deprecated ? " old" : ""}`;
    box.dataset.id = stand.id;
    box.dataset.name = node.name;
    box.style.cssText = `left:${x - w / 2}px;top:${y - h / 2}px;width:${w}px;height:${h}px`;
    for (const part of ["above", "name", "below"]) {
      if (!text[part]) continue;
      const line = document.createElement("span");
      line.className = part;
      line.textContent = text[part];
      box.append(line);
    }
    if (node.isGroup && node.members.length && node.kind !== "more") box.append(unfolder(node));
    return box;
  }));
}

function unfolder(node) {
  const button = document.createElement("button");
  const isOpen = state.unfolded.has(node);
  button.className = "unfold";
  button.tabIndex = -1;
  button.textContent = isOpen ? "−" : "+";
  button.title = `${isOpen ? "Fold" : "Unfold"} ${node.name} (u)`;
  button.addEventListener("click", () => toggleFold(node));
  return button;
}

function look(heart) {
  if (!cy.nodes().length) return;
  cy.fit(undefined, 48);
  if (cy.zoom() > CLOSEST) cy.zoom(CLOSEST);
  if (cy.zoom() < FURTHEST) cy.zoom(FURTHEST);
  cy.center();
  const at = heart === null ? cy.collection() : cy.getElementById(heart);
  if (at.length) {
    const [all, {x, y}] = [cy.elements().renderedBoundingBox(), at.renderedPosition()];
    cy.panBy({
      x: all.w > cy.width() ? cy.width() / 2 - x : 0,
      y: all.h > cy.height() ? cy.height() / 2 - y : 0,
    });
  }
  moveNodes();
}

function zoomBy(factor) {
  cy.zoom({level: cy.zoom() * factor, renderedPosition: {x: cy.width() / 2, y: cy.height() / 2}});
}

/** Marks the chosen node and the one the keys are at, and the edges at the latter. */
function mark(focus, at) {
  for (const box of $("nodes").children) {
    box.classList.toggle("focus", box.dataset.id === focus);
    box.classList.toggle("at", box.dataset.id === at);
  }
  cy.edges(".near").removeClass("near");
  if (at !== null) cy.getElementById(at).connectedEdges().addClass("near");
}

/** The shown node that lies next in a direction, from another; null at the border. */
function beside(id, key) {
  const here = cy.getElementById(id);
  if (!here.length) return cy.nodes().length ? cy.nodes()[0].id() : null;
  const {x, y} = here.position();
  const across = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
  const linked = key === "ArrowLeft" ? here.incomers("node") : here.outgoers("node");
  const others = across && linked.length ? linked : cy.nodes();
  let best = null;
  let nearest = Infinity;
  others.forEach((other) => {
    const [dx, dy] = [other.position("x") - x, other.position("y") - y];
    const ahead = (across ? dx : dy) * sign;
    if (other.id() === id || ahead < 5) return;
    const far = across ? ahead + 2 * Math.abs(dy) : ahead + 4 * Math.abs(dx);
    if (far < nearest) [nearest, best] = [far, other.id()];
  });
  return best;
}

/** Moves the picture so that a node is in sight. */
function reveal(id) {
  const box = cy.getElementById(id).renderedBoundingBox();
  const [w, h] = [cy.width(), cy.height()];
  if (box.x1 < 20 || box.y1 < 20 || box.x2 > w - 20 || box.y2 > h - 20) cy.center(cy.getElementById(id));
}
