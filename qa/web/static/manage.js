// Documents: what there is, and a file previewed before it is added or put in another's place.

import { call, el, paragraphs } from "./dom.js";
import { dates, factLine, failure, twoLines } from "./parts.js";
import { addWords, count, onLanguage, start, word } from "./words.js";

addWords(
  {
    manageTitle: "文件管理",
    manageLead: "上传文件，先看拆分出的条款，确认后再入库。",
    chooseFile: "选择文件（.pdf、.docx、.html、.xlsx、.txt、.md）",
    fileTitle: "标题",
    fileId: "编号（小写字母、数字和 -）",
    preview: "预览条款",
    addNow: "确认入库",
    replaceNow: "确认替换",
    replaces: "将替换现有文件：",
    cancel: "取消",
    remove: "移除",
    removeSure: "确定移除这份文件？",
    replace: "替换",
    done: "已更新，立即生效。",
    previewHeading: "预览：共",
    working: "正在处理…",
    key: "管理口令",
    warnings: "请留意编号：",
  },
  {
    manageTitle: "Documents",
    manageLead: "Upload a file, look at the clauses it gives, then add it.",
    chooseFile: "Choose a file (.pdf, .docx, .html, .xlsx, .txt, .md)",
    fileTitle: "Title",
    fileId: "Id (a-z, 0-9 and -)",
    preview: "Preview the clauses",
    addNow: "Add",
    replaceNow: "Replace",
    replaces: "This replaces:",
    cancel: "Cancel",
    remove: "Remove",
    removeSure: "Remove this document?",
    replace: "Replace",
    done: "Done; it is in force at once.",
    previewHeading: "Preview:",
    working: "Working…",
    key: "Manager's key",
    warnings: "Numbering to look at:",
  },
);

const page = document.getElementById("page");
const spoken = document.getElementById("spoken");
const state = { documents: null, preview: null, error: null, message: "", busy: false, target: null };

const headers = () => {
  const key = sessionStorage.getItem("manage-key");
  return key ? { authorization: `Bearer ${key}` } : {};
};

async function send(path, method, body) {
  show({ busy: true, error: null, message: "" });
  try {
    const reply = await call(path, { method, body, headers: headers() });
    show({ busy: false });
    return reply;
  } catch (error) {
    show({ busy: false, error });
    spoken.textContent = error.message;
    return null;
  }
}

async function load() {
  try {
    show({ documents: (await call("/v1/documents")).documents });
  } catch (error) {
    show({ error });
  }
}

function formBody() {
  const body = new FormData();
  body.append("file", byId("file").files[0]);
  if (byId("title").value.trim()) body.append("title", byId("title").value.trim());
  const id = state.target ?? byId("id").value.trim();
  if (id) body.append("id", id);
  return body;
}

const byId = (id) => document.getElementById(id);

async function preview(event) {
  event.preventDefault();
  if (!byId("file").files.length) return byId("file").focus();
  const reply = await send("/v1/documents/preview", "POST", formBody());
  if (reply) {
    show({ preview: reply });
    byId("preview")?.focus();
  }
}

async function accept() {
  const reply = await send("/v1/documents", "POST", formBody());
  if (!reply) return;
  form.reset();
  show({ preview: null, target: null, message: word("done") });
  spoken.textContent = word("done");
  load();
}

async function remove(one) {
  if (!confirm(`${word("removeSure")}\n${one.title}`)) return;
  const reply = await send(`/v1/documents/${encodeURIComponent(one.id)}`, "DELETE");
  if (reply) show({ message: word("done") });
  load();
}

function replace(one) {
  show({ target: one.id, preview: null, message: "" });
  byId("file").focus();
}

const form = el("form", { class: "panel", id: "upload", novalidate: true, on: { submit: preview } });

function field(name, id, attributes) {
  return el("label", { class: "field", for: id }, el("span", {}, word(name)), el("input", { id, ...attributes }));
}

function fillForm() {
  const kept = byId("file");
  const file = kept ?? el("input", { type: "file", id: "file", accept: ".pdf,.docx,.html,.htm,.xlsx,.txt,.md", required: true });
  form.replaceChildren(
    el("label", { class: "field", for: "file" }, el("span", {}, word("chooseFile")), file),
    field("fileTitle", "title", { type: "text", maxlength: "200", value: byId("title")?.value ?? "" }),
    state.target
      ? el("p", { class: "hint" }, `${word("replace")}: ${state.target}`)
      : field("fileId", "id", { type: "text", maxlength: "80", pattern: "[a-z0-9][a-z0-9-]*", value: byId("id")?.value ?? "" }),
    el(
      "div",
      { class: "row" },
      el("button", { class: "primary", disabled: state.busy }, word("preview")),
      state.target
        ? el("button", { type: "button", class: "quiet", on: { click: () => show({ target: null }) } }, word("cancel"))
        : null,
    ),
  );
}

function previewPart() {
  const { preview: shown } = state;
  if (!shown) return null;
  return el(
    "section",
    { class: "panel", id: "preview", tabindex: "-1", "aria-label": word("preview") },
    el("h2", {}, `${word("previewHeading")} ${count(shown.clauses.length, "条", "clause", "clauses")} · 《${shown.title}》`),
    shown.replaces ? el("p", { class: "note" }, `${word("replaces")}《${shown.replaces}》`) : null,
    shown.warnings.length ? el("p", { class: "note" }, `${word("warnings")} ${shown.warnings.join("; ")}`) : null,
    el(
      "ol",
      { class: "preview-list", tabindex: "0" },
      shown.clauses.map((one) =>
        el(
          "li",
          { lang: "zh-Hans" },
          one.path.length ? el("p", { class: "path" }, one.path.join(" › ")) : null,
          el("div", { class: "original" }, paragraphs(one.text, one.label, -1, -1)),
        ),
      ),
    ),
    el(
      "div",
      { class: "row" },
      el("button", { type: "button", class: "primary", disabled: state.busy, on: { click: accept } }, word(shown.replaces ? "replaceNow" : "addNow")),
      el("button", { type: "button", class: "quiet", on: { click: () => show({ preview: null }) } }, word("cancel")),
    ),
  );
}

function keyPart() {
  if (state.error?.code !== "key_wrong") return null;
  const input = el("input", { type: "password", id: "key", autocomplete: "current-password" });
  const save = (event) => {
    event.preventDefault();
    sessionStorage.setItem("manage-key", input.value.trim());
    show({ error: null });
  };
  return el("form", { class: "row", on: { submit: save } }, el("label", { for: "key" }, word("key")), input, el("button", { class: "quiet" }, word("send")));
}

function documentRow(one) {
  const button = (name, onClick) =>
    el("button", { type: "button", class: "quiet", on: { click: () => onClick(one) }, "aria-label": `${word(name)}: ${one.title}` }, word(name));
  const facts = [one.kind, one.number, ...dates(one), count(one.clause_count, "条", "clause", "clauses")];
  return el(
    "li",
    { class: one.validity },
    twoLines("h2", one.title, one.title_en, "title"),
    factLine(one, facts),
    el("p", { class: "row" }, el("a", { class: "quiet", href: `/documents/${encodeURIComponent(one.id)}` }, word("open")), button("replace", replace), button("remove", remove)),
  );
}

// How many clauses each document has, as bars.
function coverage(documents) {
  const most = Math.max(...documents.map((one) => one.clause_count), 1);
  const rows = documents.map((one) => {
    const bar = el("span", { class: "bar-fill" });
    bar.style.width = `${(100 * one.clause_count) / most}%`;
    return el("tr", {}, el("th", { scope: "row" }, one.title), el("td", {}, el("span", { class: "bar wide-bar" }, bar)), el("td", { class: "figure" }, String(one.clause_count)));
  });
  return el("div", { class: "table", tabindex: "0" }, el("table", { class: "bars" }, rows));
}

function show(change = {}) {
  Object.assign(state, change);
  document.title = `${word("manageTitle")} · ${word("untitled")}`;
  fillForm();
  const list = state.documents ?? [];
  page.replaceChildren(
    el("h1", {}, word("manageTitle")),
    el("p", { class: "lead" }, word("manageLead")),
    form,
    ...[state.busy ? el("p", { class: "searching" }, word("working")) : null,
      state.message ? el("p", { class: "done" }, state.message) : null,
      state.error ? failure({ code: "", message: state.error.message }) : null,
      keyPart(),
      previewPart(),
      el("ul", { class: "document-rows" }, list.map(documentRow)),
      list.length ? coverage(list) : null].filter(Boolean),
  );
}

onLanguage(() => show());
start();
show();
load();
