// Batch: a workbook is dropped, answered in the background, and fetched again with its answers.

import { call, el } from "./dom.js";
import { failure } from "./parts.js";
import { addWords, onLanguage, start, word } from "./words.js";

addWords(
  {
    batchTitle: "批量回答",
    batchLead: "放入一份问题表（.xlsx、.csv、.tsv），逐行回答，原表样式不变；关掉页面也会继续。",
    drop: "把问题表拖到这里，或选择文件",
    columnName: "问题列（可不填，按标题或字母，如 B）",
    startBatch: "开始回答",
    queued: "排队中",
    running: "回答中",
    doneState: "已完成",
    failedState: "未完成",
    download: "下载结果",
    removeBatch: "删除",
    empty: "空行",
    failed: "无法回答",
    rows: "行",
    noBatches: "还没有批量任务。",
    key: "管理口令",
  },
  {
    batchTitle: "Batch",
    batchLead: "Put in a workbook of questions (.xlsx, .csv, .tsv). Every row is answered, the workbook keeps its looks, and it goes on if you close the page.",
    drop: "Drop a workbook here, or choose one",
    columnName: "Column of questions (optional, heading or letter, such as B)",
    startBatch: "Answer it",
    queued: "Waiting",
    running: "Being answered",
    doneState: "Done",
    failedState: "Failed",
    download: "Download",
    removeBatch: "Delete",
    empty: "empty rows",
    failed: "could not be asked",
    rows: "rows",
    noBatches: "No batch yet.",
    key: "Manager's key",
  },
);

const page = document.getElementById("page");
const spoken = document.getElementById("spoken");
const state = { batches: [], error: null, busy: false };
const file = el("input", { type: "file", id: "file", accept: ".xlsx,.xlsm,.xls,.csv,.tsv" });
const column = el("input", { type: "text", id: "column", maxlength: "200" });
let timer = 0;

const headers = () => {
  const key = sessionStorage.getItem("manage-key");
  return key ? { authorization: `Bearer ${key}` } : {};
};

async function send(event) {
  event.preventDefault();
  if (!file.files.length) return file.focus();
  const body = new FormData();
  body.append("file", file.files[0]);
  if (column.value.trim()) body.append("column", column.value.trim());
  show({ busy: true, error: null });
  try {
    await call("/v1/batches", { method: "POST", body, headers: headers() });
    file.value = "";
    show({ busy: false });
    load();
  } catch (error) {
    show({ busy: false, error });
    spoken.textContent = error.message;
  }
}

async function load() {
  clearTimeout(timer);
  try {
    const { batches } = await call("/v1/batches", { headers: headers() });
    const finished = state.batches.filter((old) => batches.some((one) => one.id === old.id && one.state === "done" && old.state !== "done"));
    if (finished.length) spoken.textContent = `${finished[0].name}: ${word("doneState")}`;
    show({ batches, error: null });
  } catch (error) {
    show({ error });
    return;
  }
  if (state.batches.some((one) => one.state === "queued" || one.state === "running")) timer = setTimeout(load, 600);
}

async function fetchResult(one) {
  const response = await fetch(one.result_url, { headers: headers() });
  if (!response.ok) return load();
  const address = URL.createObjectURL(await response.blob());
  const name = decodeURIComponent(/filename\*=UTF-8''(.*)$/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "answers");
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

async function remove(one) {
  await call(one.url, { method: "DELETE", headers: headers() }).catch((error) => show({ error }));
  load();
}

function countsPart(counts) {
  const shown = ["answered", "closest", "no_basis", "failed", "empty"].filter((name) => counts[name]);
  const total = Math.max(counts.rows - counts.empty, 1);
  const tones = { answered: "tone-0", closest: "tone-2", no_basis: "tone-5", failed: "tone-4" };
  const bar = el(
    "span",
    { class: "stack", "aria-hidden": "true" },
    shown.filter((name) => name !== "empty").map((name) => {
      const piece = el("span", { class: `piece ${tones[name]}` });
      piece.style.width = `${(100 * counts[name]) / total}%`;
      return piece;
    }),
  );
  return [bar, el("p", { class: "counts" }, shown.map((name) => el("span", {}, `${word(name)} ${counts[name]}`)), el("span", {}, `${counts.rows} ${word("rows")}`))];
}

function batchRow(one) {
  const names = { queued: "queued", running: "running", done: "doneState", failed: "failedState" };
  const percent = one.total ? Math.round((100 * one.done) / one.total) : 0;
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${percent}%`;
  const running = one.state === "running" || one.state === "queued";
  return el(
    "li",
    {},
    el("p", {}, el("strong", {}, one.name), el("span", { class: "hint" }, ` ${word(names[one.state])}${running && one.total ? ` ${one.done} / ${one.total}` : ""}`)),
    running
      ? el("span", { class: "bar wide-bar", role: "progressbar", "aria-label": one.name, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(percent) }, fill)
      : null,
    one.counts ? countsPart(one.counts) : null,
    one.error ? el("p", { class: "note" }, one.error) : null,
    el(
      "p",
      { class: "row" },
      one.state === "done" ? el("button", { type: "button", class: "primary", on: { click: () => fetchResult(one) } }, word("download")) : null,
      el("button", { type: "button", class: "quiet", "aria-label": `${word("removeBatch")}: ${one.name}`, on: { click: () => remove(one) } }, word("removeBatch")),
    ),
  );
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
  document.title = `${word("batchTitle")} · ${word("untitled")}`;
  const form = el(
    "form",
    { class: "panel", novalidate: true, on: { submit: send } },
    el("label", { class: "field drop", for: "file" }, el("span", {}, word("drop")), file),
    el("label", { class: "field", for: "column" }, el("span", {}, word("columnName")), column),
    el("div", { class: "row" }, el("button", { class: "primary", disabled: state.busy }, word("startBatch"))),
  );
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) file.files = event.dataTransfer.files;
  });
  page.replaceChildren(
    el("h1", {}, word("batchTitle")),
    el("p", { class: "lead" }, word("batchLead")),
    form,
    ...(state.error ? [failure({ code: "", message: state.error.message })] : []),
    ...(state.error?.code === "key_wrong" ? [keyForm()] : []),
    state.batches.length ? el("ul", { class: "hits" }, state.batches.map(batchRow)) : el("p", { class: "hint" }, word("noBatches")),
  );
}

onLanguage(() => show());
start();
show();
load();
