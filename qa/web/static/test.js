// Retrieval test: how a question is read, and what each piece of evidence adds to each clause.

import { el, post } from "./dom.js";
import { failure, factLine } from "./parts.js";
import { addWords, onLanguage, pair, start, word } from "./words.js";

addWords(
  {
    testTitle: "检索测试",
    testLead: "看一个问题被怎样理解、各条款为什么这样排序；改写问题，对比变化。",
    run: "检索",
    compare: "改写后的问题（可不填）",
    readAs: "理解为",
    concepts: "概念",
    named: "点名文件",
    score: "得分",
    byNumber: "按条号直接命中，不经检索",
    moved: "排名变化",
    fresh: "新",
    part_likeness: "语义最近处",
    part_whole: "整条语义",
    part_second: "次近处",
    part_coverage: "关键词覆盖",
    part_complete: "覆盖完整",
    part_match: "词元匹配",
    part_close: "近似词元",
    part_echo: "条文呼应",
    part_length: "长度",
    part_named: "点名文件",
    part_front: "文首",
    part_quantity: "数量",
  },
  {
    testTitle: "Retrieval test",
    testLead: "How a question is read and why clauses rank as they do; reword it and compare.",
    run: "Search",
    compare: "The question reworded (optional)",
    readAs: "Read as",
    concepts: "Concepts",
    named: "Documents named",
    score: "score",
    byNumber: "named by its number, not searched for",
    moved: "change of rank",
    fresh: "new",
    part_likeness: "nearest in meaning",
    part_whole: "meaning as a whole",
    part_second: "second nearest",
    part_coverage: "keywords covered",
    part_complete: "all covered",
    part_match: "tokens met",
    part_close: "near tokens",
    part_echo: "echo in the clause",
    part_length: "length",
    part_named: "document named",
    part_front: "front matter",
    part_quantity: "amounts",
  },
);

const page = document.getElementById("page");
const spoken = document.getElementById("spoken");
const state = { replies: [], error: null, questions: ["", ""] };
const search = new URLSearchParams(location.search);
state.questions = [search.get("q") ?? "", search.get("with") ?? ""];

async function run(event) {
  event?.preventDefault();
  state.questions = ["first", "second"].map((id) => document.getElementById(id).value.trim());
  const asked = state.questions.filter(Boolean);
  if (!asked.length) return document.getElementById("first").focus();
  const address = new URLSearchParams({ q: state.questions[0], ...(state.questions[1] && { with: state.questions[1] }) });
  history.replaceState(null, "", `?${address}`);
  try {
    show({ replies: await Promise.all(asked.map((question) => post("/v1/explain", { question, top_k: 10 }))), error: null });
    spoken.textContent = state.replies.map((one) => `${word(one.status)}, ${one.hits.length}`).join("; ");
  } catch (error) {
    show({ replies: [], error });
  }
}

function readingPart(reply) {
  const rows = [
    [word("readAs"), reply.text],
    [word("concepts"), reply.concepts.map((one) => one.join(" = ")).join(" · ")],
    [word("named"), reply.named.join("、")],
  ].filter(([, value]) => value);
  return el(
    "div",
    { class: `panel ${reply.status}` },
    el("p", { class: "status" }, `${word(reply.status)} · ${word("confidence")} ${Math.round(reply.confidence * 100)}%`),
    el("dl", {}, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  );
}

function hitRow(hit, before, most) {
  const [label] = pair(hit.clause.label, hit.clause.label_en);
  const address = `/documents/${encodeURIComponent(hit.document.id)}#clause-${encodeURIComponent(hit.clause.key)}`;
  const positive = hit.parts.filter((part) => part.adds > 0);
  const bar = el(
    "span",
    { class: "stack", "aria-hidden": "true" },
    positive.map((part, at) => {
      const piece = el("span", { class: `piece tone-${at % 6}`, title: `${word(`part_${part.name}`)} ${part.adds.toFixed(2)}` });
      piece.style.width = `${(100 * part.adds) / most}%`;
      return piece;
    }),
  );
  const old = before?.findIndex((one) => one.clause.id === hit.clause.id) ?? -1;
  const moved = before ? (old < 0 ? word("fresh") : `${old + 1 - hit.rank > 0 ? "+" : ""}${old + 1 - hit.rank}`) : "";
  return el(
    "li",
    {},
    el("p", { class: "hit-head" }, el("strong", {}, `${hit.rank}. `), el("a", { href: address, lang: label.lang }, `${hit.document.title} ${label.text}`),
      el("span", { class: "hint" }, ` ${word("score")} ${hit.score.toFixed(3)}${moved ? ` · ${word("moved")} ${moved}` : ""}`)),
    factLine(hit.document, []),
    el("p", { class: "excerpt", lang: "zh-Hans" }, hit.clause.text.slice(0, 120)),
    hit.parts.length ? bar : el("p", { class: "hint" }, word("byNumber")),
    hit.parts.length
      ? el("ul", { class: "parts" }, hit.parts.map((part) => el("li", {}, `${word(`part_${part.name}`)} ${part.value.toFixed(2)} × ${part.weight.toFixed(2)} = ${part.adds.toFixed(2)}`)))
      : null,
  );
}

function replyPart(reply, at, replies) {
  const before = at ? replies[0].hits : null;
  const most = Math.max(...reply.hits.map((hit) => hit.parts.reduce((sum, part) => sum + Math.max(part.adds, 0), 0)), 0.1);
  return el("section", { "aria-label": reply.question }, el("h2", {}, reply.question), readingPart(reply), el("ol", { class: "hits" }, reply.hits.map((hit) => hitRow(hit, before, most))));
}

function show(change = {}) {
  Object.assign(state, change);
  document.title = `${word("testTitle")} · ${word("untitled")}`;
  const field = (id, name, value) => el("label", { class: "field", for: id }, el("span", {}, word(name)), el("input", { id, type: "text", maxlength: "2000", value }));
  page.replaceChildren(
    el("h1", {}, word("testTitle")),
    el("p", { class: "lead" }, word("testLead")),
    el("form", { class: "panel", novalidate: true, on: { submit: run } }, field("first", "questionLabel", state.questions[0]), field("second", "compare", state.questions[1]),
      el("div", { class: "row" }, el("button", { class: "primary" }, word("run")))),
    ...(state.error ? [failure(state.error, run)] : []),
    el("div", { class: state.replies.length > 1 ? "side-by-side" : "" }, state.replies.map(replyPart)),
  );
}

onLanguage(() => show());
start();
show();
if (state.questions[0]) run();
