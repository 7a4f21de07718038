// Renders /openapi.json: each address with its fields, an example to try, and its replies.

import { call, el } from "./dom.js";
import { failure } from "./parts.js";

const main = document.getElementById("docs");
let api = null;

const resolve = (schema) =>
  schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(", ");
  if (schema.type === "array") return `list of ${typeOf(schema.items) || "any"}`;
  return [schema.format ?? schema.type ?? "any", range(schema)].filter(Boolean).join(" ");
}

// A description: its paragraphs, what stands between backquotes as code.
function prose(text = "", className = null) {
  return text.split(/\n\s*\n/).map((paragraph) => {
    const pieces = paragraph.split("`").map((piece, at) => (at % 2 ? el("code", {}, piece) : piece));
    return el("p", { class: className }, pieces);
  });
}

function range({ minimum, maximum }) {
  if (minimum === undefined) return "";
  return maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`;
}

function fields(schema, name) {
  const { properties = {}, required = [] } = resolve(schema) ?? {};
  const needed = ([name]) => (required.includes(name) ? 0 : 1);
  const rows = Object.entries(properties)
    .sort((one, other) => needed(one) - needed(other))
    .map(([name, one]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("code", {}, name), required.includes(name) ? "" : el("span", { class: "hint" }, " optional")),
      el("td", { class: "type" }, typeOf(one)),
      el("td", {}, one.description ?? (one.examples ? `such as ${JSON.stringify(one.examples[0])}` : "")),
    ),
  );
  if (!rows.length) return null;
  return el("div", { class: "table", role: "region", tabindex: "0", "aria-label": `Fields of ${name}` }, el("table", {}, el("tbody", {}, rows)));
}

function trial(method, path, example) {
  const address = el("input", { type: "text", value: fill(path), "aria-label": "Address" });
  const body = example && el("textarea", { rows: "5", spellcheck: "false", "aria-label": "Body" });
  if (body) body.value = JSON.stringify(example, null, 2);
  const output = el("pre", { hidden: true, tabindex: "0", "aria-label": "Reply" });
  const send = async () => {
    const options = body ? { method, body: body.value, headers: { "content-type": "application/json" } } : { method };
    output.hidden = false;
    try {
      const response = await fetch(address.value, options);
      const text = await response.text();
      let shown = text;
      if (response.headers.get("content-type") === "application/json") shown = JSON.stringify(JSON.parse(text), null, 2);
      output.textContent = `HTTP ${response.status}\n${shown}`;
    } catch (error) {
      output.textContent = String(error);
    }
  };
  const button = el("button", { type: "button", class: "quiet", on: { click: send } }, "Send");
  return el("div", { class: "trial" }, el("div", { class: "trial-line" }, el("code", {}, method), address, button), body || null, output);
}

const IDS = { document_id: "sti-center-regulations", clause_id: "sti-center-regulations%2325", model_id: "tiaowen" };
const fill = (path) => path.replace(/\{(\w+)(:path)?\}/g, (_, name) => IDS[name] ?? name);

function operation(path, method, one) {
  const request = one.requestBody?.content["application/json"];
  const example = request && Object.values(request.examples ?? {})[0]?.value;
  const replies = Object.entries(one.responses).map(([status, reply]) => {
    const schema = reply.content?.["application/json"]?.schema;
    const meaning = status === "200" ? resolve(schema)?.description : reply.description;
    return el("li", {}, el("code", {}, status), ` ${typeOf(schema)}: ${meaning ?? ""}`);
  });
  return el(
    "section",
    { class: "operation" },
    el("h3", {}, el("span", { class: `method ${method}` }, method.toUpperCase()), el("code", {}, path)),
    prose(one.description),
    request ? fields(request.schema, `${method.toUpperCase()} ${path}`) : null,
    el("details", {}, el("summary", {}, "Try it"), trial(method.toUpperCase(), path, example)),
    el("details", {}, el("summary", {}, "Replies"), el("ul", { class: "replies" }, replies)),
  );
}

async function load() {
  try {
    api = await call("/openapi.json");
  } catch (error) {
    main.replaceChildren(failure(error, load));
    return;
  } finally {
    main.setAttribute("aria-busy", "false");
  }
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const tag = one.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, one));
    }
  }
  const models = Object.entries(api.components.schemas).map(([name, schema]) =>
    el("details", {}, el("summary", {}, el("code", {}, name)), prose(schema.description), fields(schema, name)),
  );
  main.replaceChildren(
    el("h1", {}, `${api.info.title} ${api.info.version}`),
    ...prose(api.info.description, "lead"),
    ...[...groups].flatMap(([tag, operations]) => [el("h2", {}, tag), ...operations]),
    el("h2", {}, "models"),
    ...models,
  );
}

load();
