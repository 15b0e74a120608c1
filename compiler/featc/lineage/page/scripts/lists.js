// The list below the search: what was found, or without a query what there is; and where a large project begins.

const MOST = 80;
const INDEX = [["service", "Services"], ["view", "Feature views"], ["source", "Sources"]];

const {compare} = new Intl.Collator("en", {numeric: true});

let listedNodes = [];
let listPlace = 0;

function item(node, number) {
  const about = [node.isGroup ? "" : node.kind, node.facts.owner, ...(node.facts.tags ?? [])].filter((w) => w);
  const name = node.isGroup ? [node.name]
    : [element("span", {class: "in"}, `${leading(node.name)}.`), lastPart(node.name)];
  const made = element("div", {
    class: `item ${node.kind}${node.isGroup ? " group" : ""}${node.facts.deprecated ? " old" : ""}`, role: "option", id: `item${number}`,
    "data-name": node.name, title: node.facts.description ?? node.name, onclick: () => choose(node),
  }, element("span", {class: "dot"}), element("span", {class: "name"}, ...name));
  made.append(element("span", {class: "about"}, node.isGroup ? subtitle(node) : about.join(" · ")));
  return made;
}

/** Fills the list; `sections` are [title, nodes, how many there are]. */
function fill(sections) {
  listedNodes = [];
  const parts = [];
  for (const [title, found] of sections) {
    if (!found.length) continue;
    parts.push(element("h3", {}, title, element("small", {}, ` ${found.length.toLocaleString("en")}`)));
    for (const node of found.slice(0, MOST)) {
      parts.push(item(node, listedNodes.length));
      listedNodes.push(node);
    }
    const left = found.length - MOST;
    if (left > 0) parts.push(element("p", {class: "left"}, `${left.toLocaleString("en")} more: type to find them`));
  }
  $("list").replaceChildren(...parts);
  $("list").scrollTop = 0;
  point($("search").value ? 0 : -1);
}

/** The nodes of a kind by name, numbers in them by size. */
function named(kind) {
  return nodes.filter((node) => node.kind === kind).sort((a, b) => compare(a.name, b.name));
}

function showIndex() {
  const inputs = nodes.filter((n) => n.isGroup && (n.kind === "request" || n.kind === "key"));
  fill([...INDEX.map(([kind, title]) => [title, named(kind)]), ["Given by whoever asks", inputs]]);
}

function listNodes(found, title) {
  $("search").value = "";
  fill([[title, found]]);
  $("list").scrollTop = 0;
}

function showFound(text) {
  if (!text.trim()) {
    showIndex();
    return;
  }
  const found = find(text);
  if (found.length) {
    fill([["Found", found]]);
    return;
  }
  listedNodes = [];
  $("list").replaceChildren(element("div", {class: "none"}, element("b", {}, `Nothing is called “${text.trim()}”.`),
    element("p", {}, "Search looks at names, tags, owners and descriptions. All words have to be there; ",
      "tag:, owner: and kind: ask for one of these alone.")));
}

/** Moves the mark in the list to a place; -1 is none. */
function point(place) {
  $("list").querySelector(".item.here")?.classList.remove("here");
  listPlace = Math.max(-1, Math.min(place, listedNodes.length - 1));
  const here = listPlace < 0 ? null : $(`item${listPlace}`);
  here?.classList.add("here");
  here?.scrollIntoView({block: "nearest"});
  if (here) $("search").setAttribute("aria-activedescendant", here.id);
  else $("search").removeAttribute("aria-activedescendant");
}

function counted(kind) {
  return nodes.reduce((sum, node) => sum + (node.kind === kind), 0);
}

/** How often each word is there, most first. */
function tally(words) {
  const found = new Map();
  for (const word of words) found.set(word, (found.get(word) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/** Where a project begins that is too large for a picture of all of it. */
function showStart() {
  const features = nodes.filter((n) => n.kind === "feature");
  const size = ["feature", "view", "source", "service"].map((kind) => plural(counted(kind), kind)).join(" · ");
  const chips = (title, words, prefix) => (words.length ? [
    element("h3", {}, title),
    element("div", {class: "chips"}, ...words.slice(0, 24).map(([word, number]) => (
      searching(`${prefix}:${word}`, `${word} · ${number.toLocaleString("en")}`)
    ))),
  ] : []);
  const groups = (kind, title) => {
    const found = named(kind);
    const list = found.slice(0, 24).map((n) => way(n));
    const all = {class: "chip", onclick: () => listNodes(found, title)};
    if (found.length > 24) list.push(element("button", all, `and ${found.length - 24} more`));
    return found.length ? [element("h3", {}, title), element("div", {class: "ways across"}, ...list)] : [];
  };
  $("start").replaceChildren(
    element("h2", {}, "Where does it come from?"),
    element("p", {class: "size"}, size),
    element("p", {}, "Type a name, a tag, an owner or a word; or begin at one of these."),
    ...groups("service", "Services"), ...groups("source", "Sources"),
    ...chips("Owners", tally(features.flatMap((n) => n.facts.owner ?? [])), "owner"),
    ...chips("Tags", tally(features.flatMap((n) => n.facts.tags ?? [])), "tag"),
  );
}
