"""The pages in a real Chromium: every flow, both languages, a phone, and axe's checks."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from conftest import CORPUS

from qa.engine import Engine
from qa.index import build_index
from qa.settings import Settings
from qa.web.app import create_app

sync_api = pytest.importorskip("playwright.sync_api")
axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
CHROMIUM = os.environ.get("CHROMIUM") or next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; CHROMIUM names one"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
RULE = """某市图书借阅办法

第一条 为了规范本市公共图书馆的图书借阅活动，保障读者平等借阅图书的权利，制定本办法。
第二条 读者每次可以借阅图书十册。
第三条 本办法自2024年3月1日起施行。
"""


class Site(BaseHTTPRequestHandler):
    """Somebody's intranet page with the widget's one line and a strict policy."""

    service = ""

    def do_GET(self) -> None:
        self.send_response(200)
        policy = f"default-src 'none'; script-src {self.service}; connect-src {self.service}"
        self.send_header("content-security-policy", policy)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        line = f'<script src="{self.service}/static/widget.js" defer></script>'
        self.wfile.write(f'<html lang="zh"><title>内网</title><h1>内网</h1>{line}'.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The origin of an intranet page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[str]:
    """The address of a real service over a copy of the bundled corpus."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(CORPUS, folder / "corpus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(corpus=folder / "corpus", index=folder / "index", port=port, origins=site)
    build_index(settings, lambda *_: None)
    app = create_app(Engine.open(settings), replace(settings))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    Site.service = f"http://127.0.0.1:{port}"
    yield Site.service
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=["desktop", "phone"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page in Chinese; whatever its console complains of is an error."""
    wide = {"width": 1200, "height": 900}
    phone = {"width": 390, "height": 844}
    context = browser.new_context(
        viewport=phone if request.param == "phone" else wide, locale="zh-CN"
    )
    made = context.new_page()
    complaints: list[str] = []
    made.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    made.on("pageerror", lambda one: complaints.append(str(one)))
    yield made
    assert complaints == []
    assert made.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def _until(page: Any, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way needs eval, which we forbid."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(expression)


def _accessible(page: Any) -> None:
    found = axe_module.Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def _ask(page: Any, base: str, question: str) -> None:
    page.goto(base)
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")


def test_a_question_is_answered_with_its_source(page: Any, base: str) -> None:
    """The answer quotes 第二十五条第二款; its card opens the document at the marked words."""
    _ask(page, base, "职务科技成果协议定价的，要公示什么？")
    assert "应当在本单位公示科技成果名称和拟交易价格" in page.inner_text(".answer-text")
    assert "第二十五条第二款" in page.inner_text(".card h4")
    _accessible(page)
    page.click(".card-foot a")
    page.wait_for_selector(".viewer-clause.cited mark")
    marked = page.locator(".viewer-clause.cited mark").all_inner_texts()
    assert "拟交易价格" in "".join(marked)
    assert page.locator(".viewer-clause.cited mark").first.is_visible()
    _accessible(page)


def test_a_follow_up_keeps_the_conversation(page: Any, base: str) -> None:
    """The earlier answer stays above, and how the follow-up was read is said."""
    _ask(page, base, "高校的科技成果转化收益怎么分配？")
    page.fill("#follow", "那企业呢？")
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn")
    page.wait_for_selector(".verdict .note")
    assert "按上文理解为" in page.inner_text(".verdict")
    assert "高校" in page.inner_text(".turn summary")
    _accessible(page)


def test_a_day_in_the_past_changes_what_is_in_force(page: Any, base: str) -> None:
    """The action plan has expired today, and was in force in June 2022."""
    _ask(page, base, "行动方案的技术市场合同成交金额目标是多少？")
    assert "已失效" in page.inner_text(".card .badge")
    page.fill("#as-of", "2022-06-01")
    page.dispatch_event("#as-of", "change")
    _until(page, "document.querySelector('.card .badge')?.textContent === '现行有效'")


def test_a_thumb_and_what_was_wrong_are_kept_and_listed(page: Any, base: str) -> None:
    """What is said under an answer stands on the page of gaps, markup as text."""
    _ask(page, base, "科创板上市有什么支持？")
    page.click(".thumb >> nth=1")
    page.fill(".why input", "<img src=x onerror=alert(1)> 不全")
    page.keyboard.press("Enter")
    _until(page, "document.querySelector('.feedback .hint').textContent.includes('谢')")
    _ask(page, base, "深圳的落户政策是什么？")
    page.goto(f"{base}/gaps")
    page.wait_for_selector(".excerpt")
    assert "<img src=x" in page.inner_text("main")
    assert "深圳的落户政策" in page.inner_text("main")
    _accessible(page)


def test_a_document_is_previewed_added_asked_and_removed(
    page: Any, base: str, tmp_path: Path
) -> None:
    """Nothing is added before the clauses have been seen; what is added answers at once."""
    file = tmp_path / "borrowing.txt"
    file.write_text(RULE, "utf-8")
    page.goto(f"{base}/documents")
    page.wait_for_selector(".document-rows li")
    rows = page.locator(".document-rows li").count()
    page.set_input_files("#file", str(file))
    page.click("#upload .primary")
    page.wait_for_selector("#preview")
    assert "第二条" in page.inner_text("#preview")
    _accessible(page)
    page.click("#preview .primary")
    page.wait_for_selector(".done")
    _until(page, f"document.querySelectorAll('.document-rows li').length === {rows + 1}")
    _ask(page, base, "每次可以借几册图书？")
    assert "十册" in page.inner_text(".answer-text")
    page.goto(f"{base}/documents")
    page.on("dialog", lambda one: one.accept())
    page.click(f".document-rows li:nth-child({rows + 1}) button >> nth=1")
    _until(page, f"document.querySelectorAll('.document-rows li').length === {rows}")


def test_a_workbook_is_sent_and_fetched_with_its_answers(
    page: Any, base: str, tmp_path: Path
) -> None:
    """Dropped, answered while one watches, downloaded under its own name."""
    table = tmp_path / "咨询.csv"
    table.write_text("问题\n协议定价要公示什么？\n今天天气怎么样？\n", "utf-8")
    page.goto(f"{base}/batch")
    page.set_input_files("#file", str(table))
    page.click("form .primary")
    page.wait_for_selector(".hits .primary")
    assert "2 行" in page.inner_text(".counts")
    _accessible(page)
    with page.expect_download() as waiting:
        page.click(".hits .primary")
    assert waiting.value.suggested_filename == "咨询-answers.csv"
    assert "拟交易价格" in Path(waiting.value.path()).read_text("utf-8-sig")
    page.click(".hits .quiet")
    _until(page, "document.querySelectorAll('.hits li').length === 0")


def test_the_retrieval_test_compares_two_wordings(page: Any, base: str) -> None:
    """Each wording shows how it was read and what its hits' scores are made of."""
    page.goto(f"{base}/test")
    page.fill("#first", "协议定价要公示吗？")
    page.fill("#second", "Does agreed pricing have to be published?")
    page.click(".primary")
    _until(page, "document.querySelectorAll('.hits').length === 2")
    assert page.locator(".hits").first.locator("> li").count() == 10
    assert "语义最近处" in page.inner_text("main")
    assert "排名变化" in page.inner_text("main")
    _accessible(page)


def test_the_interface_speaks_english_and_dark(browser: Any, base: str) -> None:
    """One click changes every word; a dark screen is as legible."""
    context = browser.new_context(color_scheme="dark", locale="en-GB")
    page = context.new_page()
    for path in (
        "/",
        "/batch",
        "/documents",
        "/test",
        "/gaps",
        "/documents/sti-center-regulations",
    ):
        page.goto(base + path)
        page.click("[data-language=en]")
        page.wait_for_timeout(300)
        words = page.evaluate(
            "[...document.querySelectorAll('nav a, .primary, .lead')].map((one) => one.textContent)"
        )
        assert not any("\u4e00" <= sign <= "\u9fff" for word in words for sign in word), words
        _accessible(page)
    context.close()


def test_the_widget_asks_from_another_site(browser: Any, base: str, site: str) -> None:
    """One line on a page with a strict policy; a site that is not listed gets no answer."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(site)
    page.click("#tiaowen-widget .bubble")
    page.fill("#tiaowen-widget input", "协议定价要公示什么？")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tiaowen-widget .text")
    assert "拟交易价格" in page.inner_text("#tiaowen-widget .text")
    assert page.get_attribute("#tiaowen-widget a", "href").startswith(f"{base}/documents/")
    page.fill("#tiaowen-widget input", "备案呢？")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tiaowen-widget .note")
    page.keyboard.press("Escape")
    assert page.locator("#tiaowen-widget .panel").is_hidden()
    page.goto(site.replace("127.0.0.1", "localhost"))
    page.click("#tiaowen-widget .bubble")
    page.fill("#tiaowen-widget input", "协议定价？")
    page.keyboard.press("Enter")
    _until(
        page,
        "document.querySelector('#tiaowen-widget').shadowRoot.querySelector('.talk').textContent"
        ".includes('连接不到')",
    )
    context.close()


def test_the_description_of_the_service_is_accessible(page: Any, base: str) -> None:
    """Every address stands on the page, with its fields and an example to try."""
    page.goto(f"{base}/docs")
    page.wait_for_selector(".operation")
    assert page.locator(".operation").count() >= 20
    _accessible(page)
