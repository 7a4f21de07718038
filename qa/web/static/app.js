// The page: a question goes to POST /v1/ask, the answer and its citations come back as cards.
// A follow-up is sent with the questions before it.

import { call, el, paragraphs, post, stream } from "./dom.js";
import { citationCard, dates, factLine, failure, twoLines } from "./parts.js";
import { count, errorText, onLanguage, start, word } from "./words.js";

const EXAMPLES = [
  ["zh-Hans", "职务科技成果可以归完成人所有吗？"],
  ["zh-Hans", "条例第二十五条第二款是怎么规定的？"],
  ["zh-Hans", "外籍高层次人才申请永久居留有什么便利？"],
  ["en", "Who is in charge of building the science and technology innovation centre?"],
  ["en", "How can research institutes set the price of their results?"],
];

const MANY = 8;

const byId = (id) => document.getElementById(id);
const state = {
  documents: null,
  chosen: new Set(),
  turns: [], // earlier questions of the conversation, with their replies
  asked: "",
  reply: null,
  prose: "",
  error: null,
  busy: false,
};
let running = null;

function readAddress() {
  const search = new URLSearchParams(location.search);
  byId("question").value = search.get("q") ?? "";
  byId("as-of").value = search.get("as_of") ?? "";
  state.chosen = new Set(search.getAll("document"));
  grow();
}

function writeAddress(question) {
  const search = new URLSearchParams();
  if (question) search.set("q", question);
  if (byId("as-of").value) search.set("as_of", byId("as-of").value);
  for (const id of state.chosen) search.append("document", id);
  const address = search.size ? `?${search}` : location.pathname;
  if (address !== (location.search || location.pathname)) history.pushState(null, "", address);
}

function ask() {
  state.turns = [];
  const question = byId("question").value.trim();
  if (question) return put(question);
  running?.abort();
  show({ reply: null, error: { code: "question_empty" }, busy: false });
  byId("question").focus();
}

function askFollowUp() {
  const question = byId("follow").value.trim();
  if (!question) return;
  if (state.reply) state.turns.push({ question: state.asked, reply: state.reply });
  byId("follow").value = "";
  put(question);
}

async function put(question) {
  running?.abort();
  const mine = (running = new AbortController());
  show({ asked: question, reply: null, prose: "", error: null, busy: true });
  byId("spoken").textContent = word("searching");
  const body = { question, history: state.turns.map((turn) => turn.question), stream: true };
  if (state.chosen.size) body.documents = [...state.chosen];
  if (byId("as-of").value) body.as_of = byId("as-of").value;
  try {
    await stream("/v1/ask", body, mine.signal, (name, value) => {
      if (name === "sentence") show({ prose: state.prose + value.text });
      if (name === "answer") show({ reply: value, error: null, busy: false });
    });
    if (!state.reply) throw Object.assign(new Error("no answer"), { code: "unreachable" });
    byId("spoken").textContent = summary(state.reply);
  } catch (error) {
    if (error.name === "AbortError") return;
    show({ reply: null, error, busy: false });
    byId("spoken").textContent = errorText(error);
  }
  const gentle = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (byId("answer-body").getBoundingClientRect().top > innerHeight * 0.6) {
    byId("answer-body").scrollIntoView({ behavior: gentle ? "smooth" : "auto" });
  }
}

function summary(reply) {
  return `${word(reply.status)}. ${count(reply.citations.length, "条引用", "citation", "citations")}`;
}

function show(change) {
  Object.assign(state, change);
  const { reply, error, busy, prose, turns } = state;
  byId("answer").hidden = !reply && !error && !busy;
  byId("answer").setAttribute("aria-busy", String(busy));
  byId("examples").hidden = Boolean(reply || busy || (error && error.code !== "question_empty"));
  byId("follow-form").hidden = !reply;
  byId("earlier").replaceChildren(...earlierParts(turns));
  if (busy && prose) byId("answer-body").replaceChildren(el("p", { class: "answer-text" }, prose));
  else if (busy) byId("answer-body").replaceChildren(el("p", { class: "searching" }, word("searching")));
  else if (error) byId("answer-body").replaceChildren(failure(error, () => put(state.asked)));
  else if (reply) byId("answer-body").replaceChildren(...answerParts(reply));
}

function earlierParts(turns) {
  if (!turns.length) return [];
  const rows = turns.map(({ question, reply }) =>
    el(
      "details",
      { class: `turn ${reply.status}` },
      el("summary", {}, el("span", {}, question), el("span", { class: "status" }, word(reply.status))),
      el("div", { class: "answer-text" }, paragraphs(reply.text, "", -1, -1)),
    ),
  );
  const asked = el("p", { class: "asked" }, state.asked);
  return [el("h3", { class: "sources" }, word("earlier")), ...rows, asked];
}

function feedbackRow(reply) {
  const said = el("span", { class: "hint", role: "status" });
  const why = el("input", { type: "text", class: "find", maxlength: "500", "aria-label": word("feedbackWhy") });
  why.placeholder = word("feedbackWhy");
  const form = el("form", { class: "why", hidden: true }, why, el("button", { class: "quiet" }, word("send")));
  const keep = async (verdict, comment) => {
    const clause_id = reply.citations[0]?.clause_id ?? "";
    const { question, status } = reply;
    try {
      await post("/v1/feedback", { question, status, clause_id, verdict, comment });
      said.textContent = word("feedbackThanks");
    } catch (error) {
      said.textContent = errorText(error);
    }
  };
  const thumb = (sign, name, onClick) =>
    el("button", { type: "button", class: "thumb", "aria-label": word(name), title: word(name), on: { click: onClick } }, sign);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.hidden = true;
    keep("down", why.value);
  });
  return el(
    "div",
    { class: "feedback" },
    thumb("👍", "helpful", () => keep("up", "")),
    thumb("👎", "notHelpful", () => {
      form.hidden = false;
      why.focus();
    }),
    form,
    said,
  );
}

function answerParts(reply) {
  const percent = Math.round(reply.confidence * 100);
  const bar = el("span", { class: "bar-fill" });
  bar.style.width = `${percent}%`;
  const confidence = el(
    "div",
    { class: "confidence" },
    el("span", {}, `${word("confidence")} ${percent}%`),
    el(
      "span",
      {
        class: "bar",
        role: "meter",
        "aria-label": word("confidence"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-valuenow": String(percent),
      },
      bar,
    ),
  );
  const verdict = el(
    "div",
    { class: `verdict ${reply.status}` },
    el(
      "div",
      { class: "verdict-head" },
      el("p", { class: "status" }, word(reply.status)),
      reply.status === "no_basis" ? null : confidence,
    ),
    el(
      "div",
      { class: "answer-text", lang: reply.language === "zh" ? "zh-Hans" : "en" },
      paragraphs(reply.text, "", -1, -1),
    ),
    reply.notes.map((note) => el("p", { class: "note" }, note)),
    feedbackRow(reply),
  );
  if (!reply.citations.length) return [verdict];
  const heading = word(reply.status === "answered" ? "basis" : "nearest");
  return [
    verdict,
    el("h3", { class: "sources" }, heading, el("span", { class: "count" }, String(reply.citations.length))),
    el("ol", { class: "cards" }, reply.citations.map((one, at) => citationCard(one, at + 1))),
  ];
}

function showDocuments() {
  if (state.documents === null) return;
  byId("document-count").textContent = String(state.documents.length);
  byId("find").hidden = state.documents.length <= MANY;
  const wanted = byId("find").value.trim().toLowerCase();
  const shown = state.documents.filter((one) =>
    `${one.title} ${one.title_en} ${one.number}`.toLowerCase().includes(wanted),
  );
  byId("document-list").replaceChildren(...shown.map(documentRow));
  showScope();
}

function documentRow(one) {
  const box = el("input", { type: "checkbox", id: `pick-${one.id}` });
  box.checked = state.chosen.has(one.id);
  box.addEventListener("change", () => {
    if (box.checked) state.chosen.add(one.id);
    else state.chosen.delete(one.id);
    showScope();
  });
  const facts = [one.kind, one.number, ...dates(one), count(one.clause_count, "条", "clause", "clauses")];
  return el(
    "li",
    { class: one.validity },
    box,
    el("label", { for: box.id }, twoLines("span", one.title, one.title_en, "title")),
    factLine(one, facts),
    el("a", { class: "quiet", href: `/documents/${encodeURIComponent(one.id)}` }, word("open")),
  );
}

function showScope() {
  const names = (state.documents ?? []).filter((one) => state.chosen.has(one.id));
  byId("scope").hidden = byId("clear").hidden = names.length === 0;
  byId("scope").textContent = count(names.length, "份文件", "document", "documents");
}

function showExamples() {
  const pick = (question) => () => {
    byId("question").value = question;
    submit();
  };
  byId("example-list").replaceChildren(
    ...EXAMPLES.map(([lang, text]) =>
      el("li", {}, el("button", { type: "button", class: "chip", lang, on: { click: pick(text) } }, text)),
    ),
  );
}

function submit() {
  grow();
  writeAddress(byId("question").value.trim());
  ask();
}

function grow() {
  const area = byId("question");
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, innerHeight * 0.4)}px`;
}

async function loadDocuments() {
  try {
    state.documents = (await call("/v1/documents")).documents;
    showDocuments();
  } catch (error) {
    byId("document-list").replaceChildren(el("li", {}, failure(error, loadDocuments)));
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
byId("follow-form").addEventListener("submit", (event) => {
  event.preventDefault();
  askFollowUp();
});
byId("as-of").addEventListener("change", () => {
  if (state.reply) submit();
});
byId("question").addEventListener("input", grow);
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});
byId("find").addEventListener("input", showDocuments);
byId("clear").addEventListener("click", () => {
  state.chosen.clear();
  showDocuments();
});
addEventListener("popstate", () => {
  readAddress();
  showDocuments();
  if (byId("question").value) ask();
  else show({ reply: null, error: null, busy: false });
});
onLanguage(() => {
  showDocuments();
  show({});
});

start();
readAddress();
showExamples();
loadDocuments();
if (byId("question").value.trim()) ask();
