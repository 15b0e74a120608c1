// What is shown of the graph: never all of it. Everything stands folded, or what is near the chosen node.

const WHOLE = 60;   // so many folded nodes make a picture of all; more, and one begins with the search
const SIDE = 24;    // the most that is shown on either side of the chosen node
const INSIDE = 48;  // the most that is shown of what is unfolded
const APART = 6;    // so many of one view stand apart beside a chosen feature; more are folded

/**
 * The nodes and edges to lay out for a state: {nodes: [{id, node, side, count, hidden?}], edges: [{from, to, kinds}]};
 * null where there are too many, and one should search.
 */
function shown(state) {
  return state.focus === null ? overview(state) : around(state);
}

function overview(state) {
  const picture = newPicture(state);
  const groups = new Set();
  for (const node of leaves()) groups.add(folded(node, state.fold));
  if (groups.size > WHOLE) return null;
  for (const node of leaves()) picture.put(node, "", 0, isOpen(state, node) ? node : folded(node, state.fold));
  return picture.done();
}

const leaves = () => nodes.filter((node) => !node.isGroup);
const isColumn = (node) => node.kind === "column" || node.kind === "request" || node.kind === "key";

function isOpen(state, node) {
  return (state.columns && isColumn(node)) || state.unfolded.has(folded(node, state.fold));
}

function around(state) {
  const picture = newPicture(state);
  const {focus} = state;
  const start = focus.isGroup ? focus.members : [focus];
  for (const node of start) picture.put(node, "", 0, isOpen(state, node) || !focus.isGroup ? node : focus);
  if (!start.length) picture.put(focus, "", 0, focus);
  for (const [side, neighbours] of [["up", parents], ["down", children]]) {
    const found = [...reach(start, neighbours, state.steps, state.kinds)].filter(([, step]) => step > 0);
    const counts = new Map();
    for (const [id] of found) {
      const group = folded(nodes[id], state.fold);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    for (const [id, step] of found) {
      const node = nodes[id];
      const group = folded(node, state.fold);
      const isApart = !isColumn(node) && !focus.isGroup && counts.get(group) <= APART;
      picture.put(node, side, step, isApart || isOpen(state, node) ? node : group);
    }
  }
  return picture.done();
}

/** Gathers what stands for which nodes, and then the edges between those that stand on one side of the focus. */
function newPicture(state) {
  const standing = new Map();  // key → {id, node, side, step, count, of}
  const places = {"": new Map(), up: new Map(), down: new Map()};  // by side: node's number → key

  function put(node, side, step, as) {
    if (places[""].has(node.id)) return;
    const key = `${as.id}${side}`;
    if (!standing.has(key)) standing.set(key, {id: key, node: as, side, step, count: 0, of: []});
    const here = standing.get(key);
    here.count += 1;
    here.step = Math.min(here.step, step);
    here.of.push(node);
    places[side].set(node.id, key);
  }

  function edges() {
    const found = new Map();
    const sides = state.focus === null ? [""] : ["up", "down"];
    for (const side of sides) {
      const at = (id) => places[""].get(id) ?? places[side].get(id);
      for (const id of new Set([...places[""].keys(), ...places[side].keys()])) {
        const others = parents[id];
        for (let place = 0; place < others.length; place += 2) {
          const [from, to] = [at(others[place]), at(id)];
          const kinds = others[place + 1] & state.kinds;
          if (from === undefined || from === to || !kinds) continue;
          const key = `${from} ${to}`;
          if (!found.has(key)) found.set(key, {id: `e${key}`, from, to, kinds: 0});
          found.get(key).kinds |= kinds;
        }
      }
    }
    return [...found.values()];
  }

  /** The nearest and best connected stay; the others of a side become one node that lists them. */
  function done() {
    let links = edges();
    const degree = new Map();
    for (const {from, to} of links) {
      for (const key of [from, to]) degree.set(key, (degree.get(key) ?? 0) + 1);
    }
    const kept = [];
    for (const [side, most] of [["", INSIDE], ["up", SIDE], ["down", SIDE]]) {
      const here = [...standing.values()].filter((s) => s.side === side);
      here.sort((a, b) => a.step - b.step || (degree.get(b.id) ?? 0) - (degree.get(a.id) ?? 0));
      const limit = state.focus === null ? Math.max(WHOLE, INSIDE * 2) : most;
      kept.push(...here.slice(0, limit));
      const left = here.slice(limit);
      if (!left.length) continue;
      const more = {id: -1, kind: "more", name: `${left.length} more`, facts: {}, members: [], isGroup: true};
      kept.push({id: `more${side}`, node: more, side, step: 1, count: left.length, hidden: left.map((s) => s.node)});
      const heart = kept.find((s) => s.side === "" && s.step === 0);
      if (side !== "" && heart) {
        const [from, to] = side === "up" ? [`more${side}`, heart.id] : [heart.id, `more${side}`];
        links.push({id: `e${from} ${to}`, from, to, kinds: 0});
      }
    }
    const ids = new Set(kept.map((s) => s.id));
    links = links.filter(({from, to}) => ids.has(from) && ids.has(to));
    return {nodes: kept, edges: links};
  }

  return {put, done};
}
