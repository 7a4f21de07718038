// One line on any page puts a question bubble there:
//   <script src="…/static/widget.js" defer></script>, the address being that of the service
// Its styles and its elements live in a shadow root; text from the service is never HTML.

(() => {
  const script = document.currentScript;
  const service = new URL(script.src).origin;
  const zh = (script.dataset.lang ?? document.documentElement.lang ?? "zh").startsWith("zh");
  const words = zh
    ? { open: "问政策", close: "关闭", ask: "提问", hint: "用中文或英文提问，例如：协议定价要公示吗？", busy: "正在查找…", failed: "连接不到服务，请稍后再试。", more: "查看原文", answered: "有依据", closest: "只有相近条款", no_basis: "没有依据", title: "条问" }
    : { open: "Ask the policy", close: "Close", ask: "Ask", hint: "Ask in English or Chinese", busy: "Searching…", failed: "The service cannot be reached; try again later.", more: "Open in document", answered: "Answered from the documents", closest: "Closest clauses only", no_basis: "No basis in the documents", title: "Tiaowen" };

  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial; position: fixed; right: 1rem; bottom: 1rem; z-index: 2147483000; color-scheme: light dark; }
    * { box-sizing: border-box; font: 15px/1.6 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
    button { cursor: pointer; border: 0; }
    button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid #4d9a92; outline-offset: 2px; }
    .bubble { background: #175e5a; color: #fff; border-radius: 99px; padding: .7rem 1.2rem; box-shadow: 0 4px 18px rgb(0 0 0 / 25%); }
    .panel { position: absolute; right: 0; bottom: 3.6rem; width: min(24rem, calc(100vw - 2rem)); max-height: min(34rem, 75vh); display: flex; flex-direction: column;
      background: light-dark(#fff, #182022); color: light-dark(#1b2426, #e3e9e8); border: 1px solid light-dark(#e1ded5, #2b3638); border-radius: 14px; box-shadow: 0 8px 32px rgb(0 0 0 / 25%); overflow: hidden; }
    .panel[hidden] { display: none; }
    .head { display: flex; justify-content: space-between; align-items: center; padding: .6rem 1rem; border-bottom: 1px solid light-dark(#e1ded5, #2b3638); font-weight: 600; }
    .head button { background: none; color: inherit; min-width: 36px; min-height: 36px; }
    .talk { flex: 1; overflow: auto; padding: .6rem 1rem; }
    .asked { font-weight: 600; margin: .7rem 0 .3rem; overflow-wrap: anywhere; }
    .text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
    .status, .note { font-size: 13px; color: light-dark(#586469, #9babac); margin: .2rem 0; }
    a { color: light-dark(#175e5a, #7fcabf); display: block; font-size: 13px; overflow-wrap: anywhere; }
    form { display: flex; gap: .5rem; padding: .7rem; border-top: 1px solid light-dark(#e1ded5, #2b3638); }
    input { flex: 1; min-width: 0; padding: .45rem .7rem; border: 1px solid light-dark(#c9c5b9, #3b484a); border-radius: 9px; background: transparent; color: inherit; }
    form button { background: #175e5a; color: #fff; border-radius: 9px; padding: .45rem .9rem; }
  `);

  const el = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const host = el("div", { id: "tiaowen-widget" });
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  const talk = el("div", { class: "talk", role: "log", "aria-live": "polite", tabindex: "0", "aria-label": words.title });
  const input = el("input", { type: "text", maxlength: "2000", "aria-label": words.hint, placeholder: words.hint });
  const form = el("form", {}, input, el("button", { type: "submit" }, words.ask));
  const close = el("button", { type: "button", "aria-label": words.close }, "×");
  const panel = el("section", { class: "panel", role: "dialog", "aria-label": words.title, hidden: "" }, el("div", { class: "head" }, el("span", {}, words.title), close), talk, form);
  const bubble = el("button", { class: "bubble", type: "button", "aria-expanded": "false" }, words.open);
  root.append(panel, bubble);
  const asked = [];

  const toggle = (open) => {
    panel.hidden = !open;
    bubble.setAttribute("aria-expanded", String(open));
    (open ? input : bubble).focus();
  };
  bubble.addEventListener("click", () => toggle(panel.hidden));
  close.addEventListener("click", () => toggle(false));
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toggle(false);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = input.value.trim();
    if (!question) return;
    input.value = "";
    const place = el("div", {}, el("p", { class: "status" }, words.busy));
    talk.append(el("p", { class: "asked" }, question), place);
    talk.scrollTop = talk.scrollHeight;
    try {
      const response = await fetch(`${service}/v1/ask`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        credentials: "omit",
        body: JSON.stringify({ question, history: asked.slice(-20) }),
      });
      const reply = await response.json();
      if (!response.ok) throw new Error(reply.error?.message ?? words.failed);
      asked.push(question);
      place.replaceChildren(
        el("p", { class: "status" }, words[reply.status]),
        el("p", { class: "text" }, reply.text),
        ...reply.notes.map((note) => el("p", { class: "note" }, note)),
        ...reply.citations.map((one) => el("a", { href: new URL(one.url, service).href, target: "_blank", rel: "noopener" }, `${words.more}: 《${one.title}》${zh ? one.label : one.label_en}`)),
      );
    } catch (error) {
      place.replaceChildren(el("p", { class: "status" }, error instanceof TypeError ? words.failed : error.message));
    }
    talk.scrollTop = talk.scrollHeight;
  });

  document.body.append(host);
})();
