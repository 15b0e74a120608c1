// The project's lineage as the page's data holds it, and ways through it. Nodes are known by their number.

const data = JSON.parse(document.getElementById("data").textContent);
const EDGE_KINDS = data.edge_kinds;
const VALUE = 1;

const GROUP_KINDS = {
  column: "source", request: "request", key: "key", feature: "view", label: "view", output: "service",
};

const nodes = data.nodes.map(([kind, name, facts], id) => (
  {id, kind: data.kinds[kind], name, facts, group: null, members: [], isGroup: false}
));
const byKey = new Map(nodes.map((node) => [`${node.kind}:${node.name}`, node]));

const leading = (name) => name.slice(0, name.indexOf("."));
const lastPart = (name) => name.slice(name.indexOf(".") + 1);

for (const node of nodes) {
  if (!node.name.includes(".")) {
    node.isGroup = true;
    continue;
  }
  node.group = byKey.get(`${GROUP_KINDS[node.kind]}:${leading(node.name)}`);
  node.group.members.push(node);
}

// parents[n] and children[n] are flat: other node, kinds of dependence, other node, …
const parents = nodes.map(() => []);
const children = nodes.map(() => []);
for (let place = 0; place < data.edges.length; place += 3) {
  const [parent, child, kinds] = [data.edges[place], data.edges[place + 1], data.edges[place + 2]];
  parents[child].push(parent, kinds);
  children[parent].push(child, kinds);
}

/** Nodes by number → steps from `start` by way of `neighbours`, at most `steps` of them, along edges of `kinds`. */
function reach(start, neighbours, steps, kinds) {
  const found = new Map(start.map((node) => [node.id, 0]));
  let border = [...found.keys()];
  for (let step = 1; step <= steps && border.length; step += 1) {
    const next = [];
    for (const here of border) {
      const others = neighbours[here];
      for (let place = 0; place < others.length; place += 2) {
        if (others[place + 1] & kinds && !found.has(others[place])) {
          found.set(others[place], step);
          next.push(others[place]);
        }
      }
    }
    border = next;
  }
  return found;
}

// ── folding ─────────────────────────────────────────────────────────────────────────────────────────────

const isFoldable = (node) => node.kind === "feature" || node.kind === "label";
const folds = {view: null, source: null, tag: null};

/** What stands for a node when it is folded: by view its view; else features go by their source, or first tag. */
function folded(node, mode) {
  if (node.isGroup) return node;
  if (mode === "view" || !isFoldable(node)) return node.group;
  if (folds[mode] === null) folds[mode] = gathered(mode);
  return folds[mode].get(node.id);
}

function gathered(mode) {
  const found = new Map();
  const groups = new Map();
  for (const node of nodes.filter((n) => isFoldable(n))) {
    const word = mode === "tag" ? node.facts.tags?.[0] : node.facts.reads;
    const name = word ?? (mode === "tag" ? "no tag" : "no rows");
    if (!groups.has(name)) {
      const kind = mode === "tag" ? "tag" : "rows";
      const shown = mode === "tag" ? name : word ? `over ${name}` : "from other features";
      groups.set(name, {id: nodes.length, kind, name: shown, facts: {}, group: null, members: [], isGroup: true});
      nodes.push(groups.get(name));
      parents.push([]);
      children.push([]);
    }
    groups.get(name).members.push(node);
    found.set(node.id, groups.get(name));
  }
  return found;
}
