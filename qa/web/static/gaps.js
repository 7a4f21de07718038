// What people asked without an answer, in groups, and what they thought of the answers they got.

import { call, el } from "./dom.js";
import { failure } from "./parts.js";
import { addWords, count, day, onLanguage, start, word } from "./words.js";

addWords(
  {
    gapsTitle: "待补充",
    gapsLead: "没有得到回答的问题，相近的归为一组；以及大家对回答的评价。不记录提问人。",
    none: "还没有未回答的问题。",
    asked: "次",
    last: "最近",
    nearest: "最接近的条款",
    perDay: "每日未回答",
    feedback: "评价",
    noFeedback: "还没有评价。",
    tryIt: "检索测试",
    key: "管理口令",
  },
  {
    gapsTitle: "Gaps",
    gapsLead: "Questions without an answer, like ones together, and what people thought of answers. Nobody's name is kept.",
    none: "No question has gone unanswered yet.",
    asked: "times",
    last: "last",
    nearest: "Nearest clause",
    perDay: "Unanswered per day",
    feedback: "Feedback",
    noFeedback: "No feedback yet.",
    tryIt: "Retrieval test",
    key: "Manager's key",
  },
);

const page = document.getElementById("page");
const state = { reply: null, error: null };

async function load() {
  const key = sessionStorage.getItem("manage-key");
  try {
    show({ reply: await call("/v1/gaps", { headers: key ? { authorization: `Bearer ${key}` } : {} }), error: null });
  } catch (error) {
    show({ error });
  }
}

// A bar for each of the last thirty days; read out as a list of figures.
function chart(days) {
  const last = days.slice(-30);
  const most = Math.max(...last.map((one) => one.count), 1);
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, word("perDay")),
    el(
      "ul",
      { class: "columns-chart" },
      last.map((one) => {
        const bar = el("span", { class: "column-fill" });
        bar.style.height = `${(100 * one.count) / most}%`;
        return el("li", { title: `${one.day}: ${one.count}` }, bar, el("span", { class: "unseen" }, `${day(one.day)}: ${one.count}`));
      }),
    ),
  );
}

function groupRow(group) {
  const [documentId] = group.nearest.split("#");
  const address = `/documents/${encodeURIComponent(documentId)}#clause-${encodeURIComponent(group.nearest.slice(documentId.length + 1))}`;
  return el(
    "li",
    {},
    el("p", {}, el("strong", {}, group.questions[0])),
    group.questions.length > 1 ? el("ul", { class: "others" }, group.questions.slice(1, 8).map((one) => el("li", {}, one))) : null,
    el(
      "p",
      { class: "facts" },
      el("span", {}, `${group.count} ${word("asked")}`),
      el("span", {}, `${word("last")} ${day(group.last)}`),
      group.nearest ? el("span", {}, el("a", { href: address }, `${word("nearest")}: ${group.nearest}`)) : null,
      el("span", {}, el("a", { href: `/test?${new URLSearchParams({ q: group.questions[0] })}` }, word("tryIt"))),
    ),
  );
}

function feedbackPart(reply) {
  const total = reply.up + reply.down;
  const bar = el("span", { class: "bar-fill" });
  bar.style.width = `${total ? (100 * reply.up) / total : 0}%`;
  return [
    el("h2", {}, word("feedback")),
    total
      ? el("p", { class: "row" }, `👍 ${reply.up}`, el("span", { class: "bar wide-bar", role: "meter", "aria-label": word("helpful"), "aria-valuemin": "0", "aria-valuemax": String(total), "aria-valuenow": String(reply.up) }, bar), `👎 ${reply.down}`)
      : el("p", { class: "hint" }, word("noFeedback")),
    el("ul", { class: "hits" }, reply.feedback.filter((one) => one.verdict === "down" || one.comment).map((one) => el("li", {}, el("p", {}, `${one.verdict === "up" ? "👍" : "👎"} ${one.question}`), one.comment ? el("p", { class: "excerpt" }, one.comment) : null, el("p", { class: "facts" }, el("span", {}, day(one.day)), el("span", {}, word(one.status)), el("span", {}, one.clause_id))))),
  ];
}

function keyForm() {
  const input = el("input", { type: "password", id: "key", autocomplete: "current-password" });
  const save = (event) => {
    event.preventDefault();
    sessionStorage.setItem("manage-key", input.value.trim());
    load();
  };
  return el("form", { class: "row", on: { submit: save } }, el("label", { for: "key" }, word("key")), input, el("button", { class: "quiet" }, word("send")));
}

function show(change = {}) {
  Object.assign(state, change);
  const { reply, error } = state;
  document.title = `${word("gapsTitle")} · ${word("untitled")}`;
  const head = [el("h1", {}, word("gapsTitle")), el("p", { class: "lead" }, word("gapsLead"))];
  if (error) return page.replaceChildren(...head, failure({ code: "", message: error.message }, load), ...(error.code === "key_wrong" ? [keyForm()] : []));
  if (!reply) return page.replaceChildren(...head);
  page.replaceChildren(
    ...head,
    ...(reply.days.length ? [chart(reply.days)] : []),
    reply.groups.length
      ? el("p", { class: "hint" }, count(reply.groups.length, "组", "group", "groups"))
      : el("p", { class: "hint" }, word("none")),
    el("ol", { class: "hits" }, reply.groups.map(groupRow)),
    ...feedbackPart(reply),
  );
}

onLanguage(() => show());
start();
show();
load();
