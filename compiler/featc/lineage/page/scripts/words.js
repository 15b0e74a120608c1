// Search: every node by its name, tags, owner and description.

const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
const MEMBERS = {source: "column", view: "feature", service: "output", request: "request column", key: "key",
  tag: "feature", rows: "feature"};
const PREFIX = /^(tag|owner|kind):(.+)$/;

let spoken = null;

/** Each node's words in lower case: name, tags, owner, and the rest. Made at the first search. */
function allWords() {
  spoken ??= data.nodes.map((_, id) => {
    const {kind, name, facts} = nodes[id];
    return {
      name: name.toLowerCase(),
      last: lastPart(name).toLowerCase(),
      tags: (facts.tags ?? []).join(" ").toLowerCase(),
      carries: (facts.carries ?? []).join(" ").toLowerCase(),
      owner: (facts.owner ?? "").toLowerCase(),
      rest: `${facts.description ?? ""} ${facts.deprecated ? "deprecated" : ""} ${kind}`.toLowerCase(),
    };
  });
  return spoken;
}

/** How well a word meets a node; 0 not at all. Names count most, and of these the ones that begin with it. */
function rank(word, words, kind) {
  const asked = PREFIX.exec(word);
  if (asked) {
    const begins = (text) => text.split(" ").some((part) => part.startsWith(asked[2]));
    if (asked[1] === "kind") return kind === asked[2] ? 1 : 0;
    if (asked[1] === "owner") return begins(words.owner) ? 4 : 0;
    return begins(words.tags) ? 4 : begins(words.carries) ? 3 : 0;
  }
  if (words.name === word || words.last === word) return words.name === word ? 9 : 8;
  if (words.last.startsWith(word)) return 7;
  if (words.name.startsWith(word)) return 6;
  if (words.name.includes(word)) return 5;
  if (words.tags.includes(word)) return 4;
  if (words.carries.includes(word)) return 3;
  if (words.owner.includes(word)) return 2;
  return words.rest.includes(word) ? 1 : 0;
}

const ORDER = {view: 0, service: 1, source: 2, feature: 3, label: 4, output: 5, column: 6, request: 7, key: 8};

/** The nodes that all words of a query meet, best first. */
function find(query) {
  const asked = query.toLowerCase().split(/\s+/).filter((word) => word);
  if (!asked.length) return [];
  const known = allWords();
  const found = [];
  for (let id = 0; id < known.length; id += 1) {
    let score = 0;
    for (const word of asked) {
      const here = rank(word, known[id], nodes[id].kind);
      if (here === 0) {
        score = 0;
        break;
      }
      score += here;
    }
    if (score) found.push([score, nodes[id]]);
  }
  found.sort(([a, m], [b, n]) => b - a || ORDER[m.kind] - ORDER[n.kind] || m.name.length - n.name.length || m.id - n.id);
  return found.map(([, node]) => node);
}

/** What stands below a node's name. */
function subtitle(node) {
  if (node.kind === "more") return "list them";
  if (!node.isGroup) return node.facts.type ?? node.kind;
  return node.members.length ? plural(node.members.length, MEMBERS[node.kind]) : node.kind;
}
