// The panel at the side: everything that is known of one node.

const KIND_WORDS = {
  source: "source", view: "feature view", service: "feature service", column: "source column",
  request: "request column", key: "key", feature: "feature", label: "label", output: "service output",
  tag: "features with a tag", rows: "features by source",
};
const LISTED = 60;

function element(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...content);
  return made;
}

/** A button that leads to a node. */
function way(node, text) {
  return element("button", {class: `way ${node.kind}`, onclick: () => choose(node)}, text ?? node.name);
}

function searching(query, text) {
  return element("button", {class: "chip", onclick: () => search(query)}, text);
}

const TOKENS = /('(?:[^']|'')*')|(--[^\n]*)|\b(\d+(?:\.\d+)?)\b|\b(select|from|where|filter|over|and|or|not|case|when|then|else|end|is|null|in|between|like|cast|as|distinct|order|by|group|join|left|on|using|with|union|all|true|false|interval|asof|lateral|partition|rows|range|values|limit|desc|asc|having)\b/gi;

/** SQL with its words, texts and numbers told apart. */
function sqlBlock(sql) {
  const block = element("pre", {class: "sql"});
  let last = 0;
  for (const match of sql.matchAll(TOKENS)) {
    block.append(sql.slice(last, match.index));
    const kind = match[1] ? "text" : match[2] ? "comment" : match[3] ? "number" : "word";
    block.append(element("i", {class: kind}, match[0]));
    last = match.index + match[0].length;
  }
  block.append(sql.slice(last));
  return block;
}

function row(title, ...content) {
  return element("div", {class: "row"}, element("dt", {}, title), element("dd", {}, ...content));
}

function rows(node) {
  const {facts} = node;
  const found = [];
  const plain = [
    ["Type", facts.type], ["Default", facts.default], ["Version", facts.version],
    ["Deprecated", facts.deprecated],
  ];
  for (const [title, text] of plain) if (text) found.push(row(title, text));
  if (facts.owner) found.push(row("Owner", searching(`owner:${facts.owner}`, facts.owner)));
  if (facts.tags) found.push(row("Tags", ...facts.tags.map((tag) => searching(`tag:${tag}`, tag))));
  if (facts.carries) found.push(row("Carries", ...facts.carries.map((tag) => searching(`tag:${tag}`, tag))));
  for (const [title, text] of facts.rows ?? []) found.push(row(title, text));
  for (const [title, text, address] of facts.more ?? []) {
    found.push(row(title, address === undefined ? text : element("a", {href: address}, text)));
  }
  return found;
}

/** What a node comes from or goes to, by the kinds of dependence, or by group for one that is folded. */
function related(node, neighbours, title) {
  const found = new Map();
  const start = node.isGroup ? node.members : [node];
  const own = new Set(start.map((n) => n.id));
  for (const {id} of start) {
    for (let place = 0; place < neighbours[id].length; place += 2) {
      const other = nodes[neighbours[id][place]];
      if (own.has(other.id)) continue;
      const to = node.isGroup ? folded(other, state.fold) : other;
      found.set(to, (found.get(to) ?? 0) | neighbours[id][place + 1]);
    }
  }
  if (!found.size) return [];
  const heading = element("h3", {}, title, element("small", {}, ` ${found.size.toLocaleString("en")}`));
  if (node.isGroup) return [heading, listed([...found.keys()])];
  const byKinds = new Map();
  for (const [other, kinds] of found) {
    const words = kinds & VALUE ? "value" : spokenKinds(kinds);
    byKinds.set(words, [...(byKinds.get(words) ?? []), other]);
  }
  const parts = [...byKinds].map(([words, others]) => (
    element("div", {class: "kinds"}, element("span", {class: "how"}, words), listed(others))
  ));
  return [heading, ...parts];
}

function listed(others) {
  const list = element("div", {class: "ways"}, ...others.slice(0, LISTED).map((other) => way(other)));
  if (others.length > LISTED) {
    const all = {class: "chip", onclick: () => listNodes(others, plural(others.length, "node"))};
    list.append(element("button", all, `and ${(others.length - LISTED).toLocaleString("en")} more`));
  }
  return list;
}

function members(node) {
  if (!node.isGroup || !node.members.length) return [];
  const word = MEMBERS[node.kind];
  const heading = element("h3", {}, `${word[0].toUpperCase()}${word.slice(1)}s`,
    element("small", {}, ` ${node.members.length.toLocaleString("en")}`));
  const names = node.members.slice(0, LISTED).map((m) => (
    way(m, node.kind === "tag" || node.kind === "rows" ? m.name : lastPart(m.name))
  ));
  const list = element("div", {class: "ways"}, ...names);
  if (node.members.length > LISTED) {
    const all = {class: "chip", onclick: () => listNodes(node.members, `${node.name}: ${subtitle(node)}`)};
    list.append(element("button", all, `and ${(node.members.length - LISTED).toLocaleString("en")} more`));
  }
  return [heading, list];
}

function query(node) {
  const name = node.kind === "view" || node.kind === "service" ? node.name : node.group?.name;
  const sql = node.kind === "column" || node.kind === "source" ? undefined : data.queries[name];
  if (sql === undefined) return [];
  return [element("details", {}, element("summary", {}, `Training query of ${name}`), sqlBlock(sql))];
}

function showPanel(node) {
  const panel = $("panel");
  panel.hidden = node === null;
  if (node === null) return;
  const {facts} = node;
  const belongs = node.group ? [element("p", {class: "of"}, "in ", way(node.group))] : [];
  panel.replaceChildren(
    element("p", {class: `kind ${node.kind}`}, KIND_WORDS[node.kind]),
    element("h2", {}, node.isGroup ? node.name : lastPart(node.name)),
    ...belongs,
    ...(facts.description ? [element("p", {class: "description"}, facts.description)] : []),
    ...(facts.sql ? [element("h3", {}, "Definition"), sqlBlock(facts.sql)] : []),
    element("dl", {}, ...rows(node)),
    ...members(node),
    ...related(node, parents, "Comes from"),
    ...related(node, children, "Goes to"),
    ...query(node),
  );
  panel.scrollTop = 0;
}
