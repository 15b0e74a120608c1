// The catalogue's search, its list of features, and light or dark. Texts become nodes, never markup.
"use strict";
(function () {
  var KIND = 0, NAME = 1, TYPE = 2, MEANING = 3, DESCRIPTION = 4, TAGS = 5, OWNER = 6, HREF = 7, PROOF = 8, OLD = 9;
  var root = document.documentElement.dataset.root;
  var FIRST = 25, PAGE = 200, SHOWN = 12;

  // ── light or dark ──────────────────────────────────────────────────────────
  function remembered() { try { return localStorage.getItem("featc-theme"); } catch (e) { return null; } }
  if (remembered()) document.documentElement.dataset.theme = remembered();
  function turn() {
    var dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("featc-theme", dark ? "light" : "dark"); } catch (e) { /* not kept */ }
  }

  // ── the index ──────────────────────────────────────────────────────────────
  var waiting = null, texts = null;
  function load(then) {
    if (window.featcSearch) { then(); return; }
    if (waiting) { waiting.push(then); return; }
    waiting = [then];
    var script = document.createElement("script");
    script.src = root + "search.js";
    script.onload = function () { waiting.forEach(function (f) { f(); }); };
    document.head.appendChild(script);
  }
  function prepared() {
    if (!texts) texts = window.featcSearch.map(function (e) {
      return [e[NAME].toLowerCase(), (e[NAME] + " " + e[MEANING] + " " + e[DESCRIPTION] + " " + e[TAGS].join(" ") + " " +
        e[OWNER] + " " + e[TYPE] + " " + e[KIND]).toLowerCase()];
    });
    return texts;
  }
  var FIELDS = {
    tag: function (e, v) { return e[TAGS].some(function (t) { return t.toLowerCase() === v; }); },
    owner: function (e, v) { return e[OWNER].toLowerCase() === v; },
    type: function (e, v) { return e[TYPE].toLowerCase().indexOf(v) === 0; },
    view: function (e, v) { return e[NAME].toLowerCase().indexOf(v + ".") === 0; },
    kind: function (e, v) { return e[KIND] === v; },
    proof: function (e, v) { return e[PROOF] === v; }
  };
  // "owner:growth paid 7d" → what an entry has to satisfy; quotes keep a value with spaces together
  function terms(query) {
    return (query.toLowerCase().match(/(?:\w+:)?"[^"]*"|\S+/g) || []).map(function (t) {
      var cut = t.indexOf(":"), field = cut > 0 && FIELDS[t.slice(0, cut)];
      var value = (field ? t.slice(cut + 1) : t).replace(/"/g, "");
      return { field: field, value: value };
    });
  }
  function score(entry, text, wanted) {
    var total = 0;
    for (var i = 0; i < wanted.length; i++) {
      var w = wanted[i];
      if (w.field) { if (!w.field(entry, w.value)) return -1; continue; }
      if (text[1].indexOf(w.value) < 0) return -1;
      var at = text[0].indexOf(w.value), own = text[0].slice(text[0].indexOf(".") + 1);
      total += own === w.value || text[0] === w.value ? 100 : own.indexOf(w.value) === 0 ? 40 : at === 0 ? 30 : at > 0 ? 15 : 1;
    }
    return total + (entry[KIND] === "feature" ? 0 : 5) - (entry[OLD] ? 3 : 0);
  }
  function search(query, features) {
    var all = window.featcSearch, t = prepared(), wanted = terms(query), found = [];
    for (var i = 0; i < all.length; i++) {
      if (features && all[i][KIND] !== "feature" && all[i][KIND] !== "label") continue;
      var s = score(all[i], t[i], wanted);
      if (s >= 0) found.push([s, i]);
    }
    if (wanted.length) found.sort(function (a, b) { return b[0] - a[0] || a[1] - b[1]; });
    return found.map(function (f) { return all[f[1]]; });
  }

  function node(tag, text, cls) {
    var made = document.createElement(tag);
    if (text) made.textContent = text;
    if (cls) made.className = cls;
    return made;
  }

  // ── the list on the front page ─────────────────────────────────────────────
  var list = [], drawn = 0;
  function row(e) {
    var tr = node("tr"), name = node("td"), a = node("a", e[NAME]), dot = node("span", "", "dot " + e[PROOF]);
    dot.title = e[PROOF] || e[KIND];
    dot.setAttribute("role", "img");
    dot.setAttribute("aria-label", dot.title);
    a.href = root + e[HREF];
    name.append(dot, a);
    if (e[KIND] !== "feature") name.append(" ", node("span", e[KIND], "badge label"));
    if (e[OLD]) name.append(" ", node("span", "deprecated", "badge moved"));
    var cut = e[MEANING].indexOf("; "), meaning = node("td", cut < 0 ? e[MEANING] || e[DESCRIPTION] : e[MEANING].slice(0, cut));
    if (cut >= 0) meaning.append(node("span", e[MEANING].slice(cut), "dim"));
    if (e[MEANING] && e[DESCRIPTION]) meaning.append(node("small", e[DESCRIPTION]));
    tr.append(name, meaning, node("td", e[TYPE], "type"), node("td", e[OWNER]));
    return tr;
  }
  function draw() {
    var body = document.querySelector("#features tbody"), part = document.createDocumentFragment();
    var upto = Math.min(list.length, drawn + (drawn ? PAGE : FIRST));
    list.slice(drawn, upto).forEach(function (e) { part.append(row(e)); });
    drawn = upto;
    body.append(part);
    document.getElementById("more").hidden = drawn >= list.length;
  }
  function filter(query) {
    load(function () {
      list = search(query, !query);
      drawn = 0;
      document.getElementById("main").classList.toggle("searching", Boolean(query));
      document.querySelector("#features tbody").replaceChildren();
      var n = list.length.toLocaleString("en");
      document.getElementById("status").textContent = query ? n + " for “" + query + "”" : n + " in all";
      draw();
    });
  }

  // ── the results under the search field ─────────────────────────────────────
  var chosen = -1;
  function choose(n) {
    var options = document.querySelectorAll("#found a"), input = document.getElementById("find");
    if (!options.length) return;
    chosen = (n + options.length) % options.length;
    options.forEach(function (o, i) { o.setAttribute("aria-selected", String(i === chosen)); });
    options[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[chosen].id);
  }
  function close() {
    var box = document.getElementById("found"), input = document.getElementById("find");
    box.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function suggest(query) {
    if (!query.trim()) { close(); return; }
    load(function () {
      if (document.getElementById("find").value !== query) return;
      var found = search(query, false), box = document.getElementById("found");
      box.replaceChildren();
      found.slice(0, SHOWN).forEach(function (e, i) {
        var a = node("a");
        a.id = "found-" + i;
        a.setAttribute("role", "option");
        a.href = root + e[HREF];
        a.append(node("small", e[KIND], "kind"), e[NAME], node("small", e[MEANING] || e[DESCRIPTION]));
        box.append(a);
      });
      var rest = found.length - SHOWN;
      box.append(node("p", !found.length ? "Nothing has all of these words." :
        rest > 0 ? "and " + rest.toLocaleString("en") + " more: Enter lists the features" : ""));
      box.hidden = false;
      document.getElementById("find").setAttribute("aria-expanded", "true");
      chosen = -1;
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    var input = document.getElementById("find"), front = document.getElementById("features");
    document.getElementById("theme").addEventListener("click", turn);
    if (front) {
      var query = new URLSearchParams(location.search).get("q") || "";
      input.value = query;
      filter(query);
      document.getElementById("more").addEventListener("click", draw);
    }
    var timer = 0;
    input.addEventListener("focus", function () { load(function () {}); });
    input.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () {
        if (front) filter(input.value.trim());
        else suggest(input.value);
      }, 60);
    });
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown") {
        var first = front && front.querySelector("tbody a");
        if (first) first.focus(); else choose(chosen + 1);
        event.preventDefault();
      }
      else if (event.key === "ArrowUp") { choose(chosen - 1); event.preventDefault(); }
      else if (event.key === "Escape") { if (document.getElementById("found").hidden) input.blur(); else close(); }
      else if (event.key === "Enter") {
        var option = document.querySelectorAll("#found a")[chosen];
        if (option) location.href = option.href;
        else if (!front) location.href = root + "index.html?q=" + encodeURIComponent(input.value.trim());
      }
    });
    if (front) front.addEventListener("keydown", function (event) {
      var rows = front.querySelectorAll("tbody a"), at = Array.prototype.indexOf.call(rows, document.activeElement);
      var next = event.key === "ArrowDown" ? at + 1 : event.key === "ArrowUp" ? at - 1 : NaN;
      if (at < 0 || isNaN(next)) return;
      (rows[next] || (next < 0 ? input : rows[at])).focus();
      event.preventDefault();
    });
    document.addEventListener("click", function (event) { if (!event.target.closest(".find")) close(); });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        input.focus();
        input.select();
      }
    });
  });
})();
