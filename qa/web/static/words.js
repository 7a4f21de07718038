// The interface in two languages; what is on the page keeps its words in data-word attributes.

const WORDS = {
  zh: {
    skip: "跳到提问框",
    skipToText: "跳到正文",
    navigation: "页面",
    api: "接口文档",
    askPage: "提问",
    interfaceLanguage: "界面语言",
    headline: "问政策，看原文",
    lead: "用中文或英文提问，每个回答都引用到条、款，附原文出处。",
    questionLabel: "你的问题",
    placeholder: "例如：职务科技成果可以给完成人吗？",
    hint: "回车提问，Shift + 回车换行",
    submit: "提问",
    examples: "可以这样问",
    answerHeading: "回答",
    documents: "文件",
    documentsHint: "勾选后只在所选文件中查找；不勾选则查找全部文件。",
    clear: "清除所选",
    find: "按标题或文号筛选",
    footer: "译文仅供参考，一切以中文原文为准。",
    searching: "正在查找…",
    answered: "有依据",
    closest: "只有相近条款",
    no_basis: "没有依据",
    confidence: "可信度",
    basis: "依据",
    nearest: "相近条款",
    in_force: "现行有效",
    expired: "已失效",
    not_yet_effective: "尚未施行",
    repealed: "已废止",
    unknown: "时效不明",
    original: "原文",
    translation: "参考译文",
    view: "查看原文",
    open: "打开全文",
    copyCitation: "复制引用",
    copied: "已复制",
    copyFailed: "无法复制",
    whole: "展开全条",
    less: "收起",
    contents: "目录",
    showTranslation: "显示参考译文",
    issued: "公布",
    effective: "施行",
    expires: "失效",
    retry: "重试",
    error: "出错了",
    untitled: "条问",
    managePage: "文件管理",
    batchPage: "批量",
    testPage: "检索测试",
    gapsPage: "待补充",
    followUp: "接着问",
    followUpHint: "例如：那企业呢？多久？第二款呢？",
    newQuestion: "换个问题",
    earlier: "之前的问答",
    helpful: "有帮助",
    notHelpful: "没帮助",
    feedbackThanks: "已记下，谢谢。",
    feedbackWhy: "哪里不对？（可不填）",
    send: "发送",
    asOf: "适用日期",
    copyLink: "复制链接",
    cross: "关联条款",
    cites: "引用的条款",
    citedBy: "引用本条的条款",
  },
  en: {
    skip: "Skip to the question",
    skipToText: "Skip to the text",
    navigation: "Pages",
    api: "API",
    askPage: "Ask",
    interfaceLanguage: "Interface language",
    headline: "Ask the policy, read the source",
    lead: "Ask in English or Chinese. Every answer cites the article and paragraph it rests on.",
    questionLabel: "Your question",
    placeholder: "For example: who may own the results of research done at work?",
    hint: "Enter to ask, Shift + Enter for a new line",
    submit: "Ask",
    examples: "Questions to try",
    answerHeading: "Answer",
    documents: "Documents",
    documentsHint: "Tick documents to search only those; with none ticked, all are searched.",
    clear: "Clear",
    find: "Filter by title or number",
    footer: "Translations are for reference only; the Chinese text prevails.",
    searching: "Searching…",
    answered: "Answered from the documents",
    closest: "No direct rule, closest clauses only",
    no_basis: "No basis in the documents",
    confidence: "Confidence",
    basis: "Sources",
    nearest: "Closest clauses",
    in_force: "In force",
    expired: "Expired",
    not_yet_effective: "Not yet effective",
    repealed: "Repealed",
    unknown: "Validity unknown",
    original: "Original",
    translation: "Reference translation",
    view: "Open in document",
    open: "Open",
    copyCitation: "Copy citation",
    copied: "Copied",
    copyFailed: "Copying failed",
    whole: "Show the whole clause",
    less: "Show less",
    contents: "Contents",
    showTranslation: "Show reference translation",
    issued: "Issued",
    effective: "Effective",
    expires: "Expires",
    retry: "Try again",
    error: "Something went wrong",
    untitled: "Tiaowen",
    managePage: "Documents",
    batchPage: "Batch",
    testPage: "Retrieval test",
    gapsPage: "Gaps",
    followUp: "Ask a follow-up",
    followUpHint: "For example: And for companies? How long? Paragraph 2?",
    newQuestion: "New question",
    earlier: "Earlier in this conversation",
    helpful: "Helpful",
    notHelpful: "Not helpful",
    feedbackThanks: "Noted, thank you.",
    feedbackWhy: "What was wrong? (optional)",
    send: "Send",
    asOf: "As of",
    copyLink: "Copy link",
    cross: "Related clauses",
    cites: "Refers to",
    citedBy: "Referred to by",
  },
};

const ERRORS = {
  zh: {
    question_empty: "请先输入问题。",
    question_too_long: "问题太长了，请缩短后再问。",
    upload_too_large: "问题太长了，请缩短后再问。",
    document_not_found: "没有这份文件，它可能已被移除。",
    clause_not_found: "没有这一条，文件可能已更新。",
    index_missing: "还没有建立索引。请管理员运行 tiaowen index，然后重试。",
    index_mismatch: "索引与当前设置不符。请管理员运行 tiaowen index，然后重试。",
    index_damaged: "索引已损坏。请管理员运行 tiaowen index，然后重试。",
    unreachable: "连接不到服务。请检查网络或确认服务正在运行，然后重试。",
    internal: "服务处理这个问题时出错，日志里有原因。请稍后重试。",
  },
  en: {
    question_empty: "Type a question first.",
    question_too_long: "The question is too long; shorten it and ask again.",
    upload_too_large: "The question is too long; shorten it and ask again.",
    document_not_found: "There is no such document; it may have been removed.",
    clause_not_found: "There is no such clause; the document may have changed.",
    index_missing: "No index has been built yet. The operator runs tiaowen index; then try again.",
    unreachable: "The service cannot be reached. Check that it is running, then try again.",
    internal: "The service failed on this question; its log says why. Try again later.",
  },
};

// Words of one page, beside those that all pages share.
export function addWords(zh, en) {
  Object.assign(WORDS.zh, zh);
  Object.assign(WORDS.en, en);
}

let current = initial();
const listeners = [];

function initial() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked in WORDS) return asked;
  try {
    const kept = localStorage.getItem("language");
    if (kept in WORDS) return kept;
  } catch {
    // Storage may be switched off; the browser's language then decides.
  }
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export const language = () => current;
export const word = (name) => WORDS[current][name] ?? name;
export const count = (number, zh, one, many) =>
  current === "zh" ? `${number} ${zh}` : `${number} ${number === 1 ? one : many}`;
export const errorText = (error) => ERRORS[current][error.code] ?? error.message;

// Chinese and English of the same thing, that of the interface's language first.
export function pair(zh, en) {
  const both = [{ text: zh, lang: "zh-Hans" }, { text: en, lang: "en" }];
  if (current === "en" && en) both.reverse();
  return both.filter((one) => one.text);
}

export function day(iso) {
  const [year, month, date] = iso.split("-").map(Number);
  if (current === "zh") return `${year}年${month}月${date}日`;
  const options = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
  return new Date(Date.UTC(year, month - 1, date)).toLocaleDateString("en-GB", options);
}

export function onLanguage(listener) {
  listeners.push(listener);
}

function apply() {
  document.documentElement.lang = current === "zh" ? "zh-Hans" : "en";
  for (const one of document.querySelectorAll("[data-word]")) {
    one.textContent = word(one.dataset.word);
  }
  for (const one of document.querySelectorAll("[data-placeholder]")) {
    one.placeholder = word(one.dataset.placeholder);
  }
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", word(one.dataset.label));
  }
  for (const one of document.querySelectorAll("[data-language]")) {
    one.setAttribute("aria-pressed", String(one.dataset.language === current));
  }
}

export function start() {
  for (const one of document.querySelectorAll("[data-language]")) {
    one.addEventListener("click", () => {
      current = one.dataset.language;
      try {
        localStorage.setItem("language", current);
      } catch {
        // Then the choice lasts as long as the page.
      }
      apply();
      listeners.forEach((listener) => listener());
    });
  }
  apply();
}
