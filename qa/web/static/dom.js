// Elements are made here, and text goes in as text only: nothing from the service is ever HTML.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export class ServiceError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("unreachable", error.message);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const failure = body?.error ?? {};
  throw new ServiceError(failure.code ?? "unknown", failure.message ?? `HTTP ${response.status}`);
}

export function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

// Post a body and hand over each server-sent event as (name, value) until the stream ends.
export async function stream(path, body, signal, onEvent) {
  let response;
  try {
    const headers = { "content-type": "application/json" };
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("unreachable", error.message);
  }
  if (!response.ok) {
    const failure = (await response.json().catch(() => null))?.error ?? {};
    throw new ServiceError(failure.code ?? "unknown", failure.message ?? `HTTP ${response.status}`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1] ?? "message";
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data) onEvent(name, JSON.parse(data));
    }
  }
}

// The service counts characters as code points; JavaScript's strings count UTF-16 units.
// Both are equal for the texts of almost every document, and this makes them equal for all.
export function unitsAt(text, points) {
  let units = 0;
  for (let seen = 0; seen < points && units < text.length; seen += 1) {
    units += text.codePointAt(units) > 0xffff ? 2 : 1;
  }
  return units;
}

// The lines of a clause as paragraphs; [start, end) of the clause, in UTF-16 units, is marked,
// and the label at its beginning is set off.
export function paragraphs(text, label, start, end) {
  const found = [];
  let at = 0;
  for (const line of text.split("\n")) {
    const marked = start < at + line.length && end > at;
    const element = el("p", { class: marked ? "quoted" : null });
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, line.length);
    const heading = at === 0 && label && line.startsWith(label) ? label.length : 0;
    if (heading) element.append(el("strong", { class: "label" }, line.slice(0, heading)));
    if (marked) {
      element.append(line.slice(heading, Math.max(from, heading)));
      element.append(el("mark", {}, line.slice(Math.max(from, heading), to)), line.slice(to));
    } else {
      element.append(line.slice(heading));
    }
    if (line.trim()) found.push(element);
    at += line.length + 1;
  }
  return found;
}

export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}
