// One document: its clauses in order, at the clause and the quote that the address names.

import { call, copy, decoded, el, paragraphs, unitsAt } from "./dom.js";
import { dates, factLine, failure, twoLines } from "./parts.js";
import { count, onLanguage, pair, start, word } from "./words.js";

const byId = (id) => document.getElementById(id);
const id = decoded(location.pathname.split("/")[2] ?? "");
const search = new URLSearchParams(location.search);
const quote = { start: Number(search.get("start") ?? -1), end: Number(search.get("end") ?? -1) };
let loaded = null;
let translated = false;

async function load() {
  try {
    loaded = await call(`/v1/documents/${encodeURIComponent(id)}/clauses`);
  } catch (error) {
    byId("document").replaceChildren(failure(error, load));
    document.querySelector(".contents").hidden = true;
    return;
  } finally {
    byId("document").setAttribute("aria-busy", "false");
  }
  document.querySelector(".contents").hidden = false;
  byId("contents").open = matchMedia("(min-width: 60rem)").matches;
  show();
  go();
}

function show() {
  if (loaded === null) return;
  const { document: one, clauses } = loaded;
  document.title = `${pair(one.title, one.title_en)[0].text} · ${word("untitled")}`;
  const facts = [one.issuer, one.kind, one.number, ...dates(one), count(clauses.length, "条", "clause", "clauses")];
  const head = el(
    "header",
    { class: "document-head" },
    twoLines("h1", one.title, one.title_en, ""),
    factLine(one, facts),
    clauses.some((clause) => clause.translation) ? translationSwitch() : null,
  );
  const body = [];
  const contents = [];
  let path = [];
  for (const clause of clauses) {
    clause.path.forEach((heading, depth) => {
      if (path[depth] === heading && path.slice(0, depth).join() === clause.path.slice(0, depth).join()) return;
      const repeated = clause.text.startsWith(heading) && depth === clause.path.length - 1;
      if (!repeated) body.push(el(depth ? "h3" : "h2", { class: "part", lang: "zh-Hans" }, heading));
      contents.push(el("p", { class: "part", lang: "zh-Hans" }, heading));
    });
    path = clause.path;
    body.push(clauseElement(clause));
    contents.push(el("a", { href: `#clause-${encodeURIComponent(clause.key)}` }, pair(clause.label, clause.label_en)[0].text));
  }
  byId("document").replaceChildren(head, ...body);
  byId("contents-list").replaceChildren(...contents);
}

function clauseElement(clause) {
  const from = unitsAt(clause.text, Math.max(quote.start - clause.start, 0));
  const to = quote.end > clause.start ? unitsAt(clause.text, quote.end - clause.start) : -1;
  const cited = quote.start < clause.end && quote.end > clause.start;
  const lines = paragraphs(clause.text, clause.label, cited ? from : -1, cited ? to : -1);
  const original = el("div", { class: "original", lang: "zh-Hans" }, lines);
  const printed = clause.text.startsWith(clause.label);
  const caption = printed ? clause.label_en : `${clause.label} · ${clause.label_en}`;
  const bilingual = translated && clause.translation;
  return el(
    "section",
    { class: `viewer-clause${cited ? " cited" : ""}`, id: `clause-${clause.key}`, tabindex: "-1" },
    el("p", { class: "label-en" }, el("a", { href: `#clause-${encodeURIComponent(clause.key)}` }, caption)),
    el(
      "div",
      { class: `clause${bilingual ? " bilingual" : ""}` },
      original,
      bilingual ? el("div", { class: "translation", lang: "en" }, paragraphs(clause.translation, "", -1, -1)) : null,
    ),
    clauseTools(clause),
  );
}

// A link to copy, and on request which clauses this one refers to and is referred to by.
function clauseTools(clause) {
  const said = el("span", { class: "hint", role: "status" });
  const list = el("div", { class: "crossing" });
  const copyLink = async () => {
    const address = new URL(`#clause-${encodeURIComponent(clause.key)}`, location.href);
    address.search = "";
    try {
      await copy(address.href);
      said.textContent = word("copied");
    } catch {
      said.textContent = word("copyFailed");
    }
  };
  const cross = async () => {
    const found = await call(`/v1/clauses/${encodeURIComponent(clause.id)}`).catch(() => ({ cites: [], cited_by: [] }));
    const link = (id, text) => {
      const [documentId] = id.split("#");
      const key = id.slice(documentId.length + 1);
      return el("a", { href: `/documents/${encodeURIComponent(documentId)}#clause-${encodeURIComponent(key)}` }, text);
    };
    list.replaceChildren(
      el("span", {}, `${word("cites")}: ${found.cites.length ? "" : "–"}`),
      ...found.cites.map((one) => (one.clause_id ? link(one.clause_id, one.text) : el("span", {}, one.text))),
      el("span", {}, `${word("citedBy")}: ${found.cited_by.length ? "" : "–"}`),
      ...found.cited_by.map((one) => link(one, one.split("#")[1])),
    );
  };
  return el(
    "div",
    { class: "clause-tools" },
    el("button", { type: "button", class: "quiet", on: { click: copyLink }, "aria-label": `${word("copyLink")} ${clause.label}` }, word("copyLink")),
    el("button", { type: "button", class: "quiet", on: { click: cross }, "aria-label": `${word("cross")} ${clause.label}` }, word("cross")),
    said,
    list,
  );
}

function translationSwitch() {
  const box = el("input", { type: "checkbox" });
  box.checked = translated;
  box.addEventListener("change", () => {
    translated = box.checked;
    show();
    document.querySelector(".document-head input").focus();
  });
  return el("label", { class: "toggle" }, box, word("showTranslation"));
}

// Bring the named clause into view, its marked quote in the middle where there is one.
function go() {
  const section = byId(decoded(location.hash.slice(1)));
  const mark = (section ?? document).querySelector("mark");
  (mark ?? section)?.scrollIntoView({ block: mark ? "center" : "start" });
  section?.focus({ preventScroll: true });
}

byId("contents-list").addEventListener("click", (event) => {
  const narrow = !matchMedia("(min-width: 60rem)").matches;
  if (narrow && event.target.closest("a")) byId("contents").open = false;
});
addEventListener("hashchange", go);
onLanguage(show);
start();
translated = document.documentElement.lang === "en";
load();
