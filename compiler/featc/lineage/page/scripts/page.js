// The page: its state, and what keys, mouse and address do to it.

const ALL_KINDS = (1 << EDGE_KINDS.length) - 1;
const KIND_TITLES = {
  value: "is computed with", filter: "decides which rows count", key: "decides for whom a row counts",
  time: "decides when a row counts", order: "decides which version is taken",
};
const KEYS = [
  ["/", "search"], ["↑ ↓ ← →", "move among what is shown; ← is what it comes from"], ["Enter", "go to that node"],
  ["Esc", "back to everything"], ["+ −", "more or fewer steps around the chosen node"], ["u", "unfold or fold"],
  ["c", "columns"], ["0", "show all of the picture"], ["t", "light or dark"], ["?", "these keys"],
];

const state = {
  focus: null, at: null, steps: 2, unfolded: new Set(), columns: data.columns, fold: "view", kinds: ALL_KINDS,
};
let picture = null;
let followed = null;  // the fragment of the address that was followed last

/** Draws anew what the state says. */
function refresh() {
  picture = shown(state);
  const isStart = picture === null;
  $("start").hidden = !isStart;
  $("legend").hidden = isStart;
  $("zoom").hidden = isStart;
  if (isStart) showStart();
  const heart = state.focus === null ? null : standOf(state.focus);
  draw(picture ?? {nodes: [], edges: []}, heart);
  state.at = heart;
  mark(heart, heart);
  showPanel(state.focus);
  showBar();
}

/** Draws what is around some nodes before anything is asked: the first pictures take much longer than later ones. */
function warmUp() {
  for (const part of [0.1, 0.5, 0.9]) {
    const node = nodes[Math.floor(nodes.length * part)];
    if (node !== undefined) draw(shown({...state, focus: node}) ?? {nodes: [], edges: []}, null);
  }
}

/** The id of what stands for a node in the picture. */
function standOf(node) {
  const own = picture?.nodes.find((s) => s.node === node);
  return (own ?? picture?.nodes.find((s) => s.side === "" && s.step === 0))?.id ?? null;
}

function showBar() {
  const all = element("button", {class: "way", onclick: () => choose(null)}, "Everything");
  const parts = [all];
  if (state.focus?.group) parts.push("›", way(state.focus.group));
  if (state.focus) parts.push("›", element("b", {}, state.focus.isGroup ? state.focus.name : lastPart(state.focus.name)));
  $("trail").replaceChildren(...parts);
  $("steps").hidden = state.focus === null;
  $("depth").textContent = plural(state.steps, "step");
  $("columns").setAttribute("aria-pressed", state.columns);
  $("fold").value = state.fold;
  const number = picture?.nodes.length ?? 0;
  $("said").textContent = state.focus ? `${state.focus.name}: ${plural(number, "node")} shown` : `${plural(number, "node")} shown`;
}

// ── choosing ────────────────────────────────────────────────────────────────────────────────────────────

/** Goes to a node, or with null back to everything. The address says where one is, so that it can be passed on. */
function choose(node) {
  const address = node === null ? "" : `#${node.kind}=${encodeURIComponent(node.name)}`;
  if (node !== null && !byKey.has(`${node.kind}:${node.name}`)) {
    state.focus = node;
    refresh();
  } else if (location.hash === address) {
    followAddress();
  } else if (address === "") {
    history.pushState(null, "", location.pathname + location.search);
    followAddress();
  } else {
    location.hash = address;
  }
  $("graph").focus({preventScroll: true});
}

function followAddress() {
  followed = location.hash;
  const [, kind, name] = /^#(\w+)=(.*)$/.exec(location.hash) ?? [];
  if (kind === undefined) {
    state.focus = null;
    refresh();
    return;
  }
  let wanted = name;
  try {
    wanted = decodeURIComponent(name);
  } catch {
    // not encoded: it is meant as it stands
  }
  const node = byKey.get(`${kind}:${wanted}`);
  state.focus = node ?? null;
  refresh();
  if (node === undefined) search(wanted);
}

function search(text) {
  $("search").value = text;
  showFound(text);
  $("search").focus();
}

// On what an unfolded group shows, the key folds that group again.
function toggleFold(node) {
  const group = node && folded(node, state.fold);
  if (!group?.members.length || (node !== group && !state.unfolded.has(group))) return;
  if (!state.unfolded.delete(group)) state.unfolded.add(group);
  refresh();
}

function toggleColumns() {
  state.columns = !state.columns;
  refresh();
}

function changeSteps(by) {
  if (state.focus === null) return;
  const steps = Math.max(1, Math.min(9, state.steps + by));
  if (steps === state.steps) return;
  state.steps = steps;
  refresh();
}

function foldBy(mode) {
  state.fold = mode;
  state.unfolded.clear();
  if (state.focus?.isGroup && !byKey.has(`${state.focus.kind}:${state.focus.name}`)) choose(null);
  else refresh();
}

/** The node that the keys are at. */
function nodeAt() {
  return picture?.nodes.find((s) => s.id === state.at) ?? null;
}

function go(id) {
  const stand = picture.nodes.find((s) => s.id === id);
  if (stand?.hidden) listNodes(stand.hidden, stand.node.name);
  else if (stand) choose(stand.node);
}

// ── theme, keys, edges shown ────────────────────────────────────────────────────────────────────────────

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("featc theme", document.documentElement.dataset.theme);
  } catch {
    // a page without storage forgets it
  }
  cy.style(edgeStyle());
}

function restoreTheme() {
  try {
    const chosen = localStorage.getItem("featc theme");
    if (chosen) document.documentElement.dataset.theme = chosen;
  } catch {
    // as above
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style(edgeStyle()));
}

function showLegend() {
  $("legend").replaceChildren(...EDGE_KINDS.map((kind, bit) => {
    const button = element("button", {
      class: `edge-kind${kind === "value" ? "" : " indirect"}`, "aria-pressed": "true", title: KIND_TITLES[kind],
    }, kind);
    button.addEventListener("click", () => {
      state.kinds ^= 1 << bit;
      button.setAttribute("aria-pressed", String(Boolean(state.kinds >> bit & 1)));
      refresh();
    });
    return button;
  }));
}

function showKeys() {
  $("keys").replaceChildren(element("h2", {}, "Keys"), element("dl", {}, ...KEYS.flatMap(([key, words]) => (
    [element("dt", {}, ...key.split(" ").map((k) => element("kbd", {}, k))), element("dd", {}, words)]
  ))));
  $("keys").hidden = !$("keys").hidden;
}

function searchKey(event) {
  const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10};
  if (event.key in moves) point(listPlace + moves[event.key]);
  else if (event.key === "Enter" && listedNodes.length) choose(listedNodes[Math.max(0, listPlace)]);
  else if (event.key === "Escape" && $("search").value) search("");
  else if (event.key === "Escape") $("graph").focus();
  else return;
  event.preventDefault();
}

function graphKey(event) {
  const actions = {
    "/": () => { $("search").focus(); $("search").select(); },
    "?": showKeys, c: toggleColumns, t: toggleTheme, 0: () => look(state.at), u: () => toggleFold(nodeAt()?.node ?? state.focus),
    "+": () => changeSteps(1), "=": () => changeSteps(1), "-": () => changeSteps(-1),
    Enter: () => state.at !== null && go(state.at),
    Escape: () => {
      if (!$("keys").hidden) $("keys").hidden = true;
      else choose(null);
    },
  };
  if (event.key.startsWith("Arrow") && cy.nodes().length) {
    const next = beside(state.at, event.key);
    if (next !== null) {
      state.at = next;
      mark(state.focus === null ? null : standOf(state.focus), next);
      reveal(next);
      const {node} = nodeAt();
      if (node.kind !== "more") showPanel(node);
      $("said").textContent = node.name;
    }
  } else if (Object.hasOwn(actions, event.key)) {
    actions[event.key]();
  } else {
    return;
  }
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target === $("search")) searchKey(event);
  else if (event.target.tagName === "SELECT") return;
  else if (event.key === "Enter" && /^(BUTTON|A|SUMMARY)$/.test(event.target.tagName)) return;
  else graphKey(event);
});
$("search").addEventListener("input", () => showFound($("search").value));
$("fewer").addEventListener("click", () => changeSteps(-1));
$("further").addEventListener("click", () => changeSteps(1));
$("columns").addEventListener("click", toggleColumns);
$("fold").addEventListener("change", () => foldBy($("fold").value));
$("fit").addEventListener("click", () => look(state.at));
$("in").addEventListener("click", () => zoomBy(1.25));
$("out").addEventListener("click", () => zoomBy(0.8));
$("theme").addEventListener("click", toggleTheme);
$("help").addEventListener("click", showKeys);
$("keys").addEventListener("click", () => { $("keys").hidden = true; });
// a new fragment tells both, a step back to an address without one may tell only the second
for (const told of ["hashchange", "popstate"]) {
  window.addEventListener(told, () => location.hash !== followed && followAddress());
}

$("project").textContent = data.project;
$("counts").textContent = ["feature", "label"].filter(counted).map((kind) => plural(counted(kind), kind)).join(" · ");
startDrawing(go, () => $("graph").focus());
restoreTheme();
cy.style(edgeStyle());
showLegend();
showIndex();
warmUp();
followAddress();
if (document.activeElement !== $("search")) (state.focus === null ? $("search") : $("graph")).focus();
new ResizeObserver(() => { cy.resize(); look(state.at); }).observe($("stage"));
// for whoever embeds the page, and for its tests
window.featcLineage = {find: (query) => find(query).map((n) => `${n.kind}:${n.name}`), nodes: () => [...byKey.keys()]};
performance.mark("featc ready");
