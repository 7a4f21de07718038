// What both pages show: badges, dates, a failure, and the card of one citation.

import { call, copy, el, paragraphs, unitsAt } from "./dom.js";
import { day, errorText, language, pair, word } from "./words.js";

const MUCH = 260;
const PERMANENT = ["question_empty", "question_too_long", "upload_too_large", "document_not_found"];

export function badge(validity) {
  return el("span", { class: `badge ${validity}` }, word(validity));
}

export function dates(one) {
  return ["issued", "effective", "expires"]
    .filter((name) => one[name])
    .map((name) => {
      if (language() === "zh") return `${day(one[name])}${word(name)}`;
      return `${word(name)} ${day(one[name])}`;
    });
}

export function factLine(one, facts) {
  const known = facts.filter(Boolean).map((fact) => el("span", {}, fact));
  return el("p", { class: "facts" }, badge(one.validity), known);
}

export function twoLines(tag, zh, en, className) {
  const [first, second] = pair(zh, en);
  return [
    el(tag, { class: className, lang: first.lang }, first.text),
    second ? el("p", { class: "other", lang: second.lang }, second.text) : null,
  ];
}

export function failure(error, retry) {
  return el(
    "div",
    { class: "failure", role: "alert" },
    error.code.startsWith("question_") ? null : el("strong", {}, word("error")),
    el("p", {}, errorText(error)),
    retry && !PERMANENT.includes(error.code)
      ? el("button", { type: "button", class: "quiet", on: { click: retry } }, word("retry"))
      : null,
  );
}

export function citationCard(citation, number) {
  const body = el("div", { class: "clause" });
  fill(body, citation);
  const state = el("span", { class: "hint", role: "status" });
  return el(
    "li",
    { class: `card ${citation.validity}`, id: `citation-${number}` },
    el(
      "div",
      { class: "card-head" },
      el("span", { class: "number", "aria-hidden": "true" }, String(number)),
      el(
        "div",
        { class: "card-title" },
        el(
          "h4",
          {},
          pair(citation.label, citation.label_en).map(({ text, lang }) => el("span", { lang }, text)),
        ),
        twoLines("p", citation.title, citation.title_en, "title"),
        citation.path.length
          ? el("p", { class: "path", lang: "zh-Hans" }, citation.path.join(" › "))
          : null,
      ),
      badge(citation.validity),
    ),
    period(citation),
    body,
    el(
      "div",
      { class: "card-foot" },
      el("a", { class: "quiet", href: citation.url }, word("view")),
      el(
        "button",
        { type: "button", class: "quiet", on: { click: () => copyCitation(citation, state) } },
        word("copyCitation"),
      ),
      state,
    ),
  );
}

function period(citation) {
  if (citation.validity === "in_force" || citation.validity === "unknown") return null;
  const text = dates(citation).join(language() === "zh" ? "，" : "; ");
  return el(
    "p",
    { class: "warning" },
    word(citation.validity) + (text ? (language() === "zh" ? `（${text}）` : ` (${text})`) : ""),
  );
}

// Show the clause with its quote marked; a long clause shows the quoted lines first.
async function fill(body, citation) {
  let start = citation.text.indexOf(citation.quote);
  if (citation.quote && start !== citation.text.lastIndexOf(citation.quote)) {
    const id = encodeURIComponent(citation.clause_id);
    const clause = await call(`/v1/clauses/${id}`).catch(() => null);
    if (clause) start = unitsAt(citation.text, citation.start - clause.start);
  }
  const end = start + citation.quote.length;
  const label = citation.label.slice(0, commonStart(citation.label, citation.text));
  const lines = paragraphs(citation.text, label, start, end);
  const original = el("div", { class: "original", lang: "zh-Hans" }, lines);
  body.append(original);
  let both = [lines];
  if (citation.translation) {
    const translated = paragraphs(citation.translation, "", -1, -1);
    body.classList.add("bilingual");
    original.prepend(el("h5", { lang: document.documentElement.lang }, word("original")));
    const heading = el("h5", { lang: document.documentElement.lang }, word("translation"));
    body.append(el("div", { class: "translation", lang: "en" }, heading, translated));
    if (translated.length === lines.length) both = [lines, translated];
  }
  if (citation.text.length > MUCH && lines.length > 1) fold(body, both);
}

function fold(body, columns) {
  const quoted = columns[0].map((line) => line.classList.contains("quoted"));
  const kept = quoted.includes(true) ? quoted : quoted.map((_, at) => at === 0);
  if (!kept.includes(false)) return;
  const button = el("button", { type: "button", class: "quiet more", "aria-expanded": "false" });
  const show = (all) => {
    for (const lines of columns) lines.forEach((line, at) => (line.hidden = !all && !kept[at]));
    button.textContent = word(all ? "less" : "whole");
    button.setAttribute("aria-expanded", String(all));
  };
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") === "false"));
  show(false);
  body.append(button);
}

function commonStart(one, other) {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

async function copyCitation(citation, state) {
  const address = new URL(citation.url, location.href).href;
  const zh = `《${citation.title}》${citation.label}：“${citation.quote}”`;
  const en = `${citation.title_en || citation.title}, ${citation.label_en}: “${citation.quote}”`;
  try {
    await copy(`${language() === "zh" ? zh : en}\n${address}`);
    state.textContent = word("copied");
  } catch {
    state.textContent = word("copyFailed");
  }
  setTimeout(() => (state.textContent = ""), 2500);
}
