"""Notations of articles, and the documents that questions name."""

from __future__ import annotations

import re

import pytest
from conftest import CORPUS, GOLDEN

from qa.catalog import load_documents
from qa.clauses import split_clauses
from qa.document_names import DocumentNames
from qa.engine import Engine
from qa.labels import label_en, label_of
from qa.models import Question
from qa.references import find_references
from qa.resolution import resolve

DOCUMENTS = load_documents(CORPUS)
REGULATIONS = split_clauses(DOCUMENTS[0])
PLAN = split_clauses(DOCUMENTS[1])


def _row(text: str) -> list[tuple[int, ...]]:
    return [(*one.numbers, one.paragraph, one.item) for one in find_references(text)]


# article (with 之一: two numbers), paragraph, item of each reference.
NOTATIONS: dict[str, list[tuple[int, ...]]] = {
    "第二十五条": [(25, 0, 0)],
    "第25条": [(25, 0, 0)],
    "第２５条": [(25, 0, 0)],
    "第 25 条": [(25, 0, 0)],
    "第二十五条第二款": [(25, 2, 0)],
    "第25条第2款": [(25, 2, 0)],
    "第25条2款": [(25, 2, 0)],
    "第二十五条的第二款": [(25, 2, 0)],
    "第二十五条第二、三款": [(25, 2, 0), (25, 3, 0)],
    "第二十五条第二款、第三款": [(25, 2, 0), (25, 3, 0)],
    "第二十五条第一款至第三款": [(25, 1, 0), (25, 2, 0), (25, 3, 0)],
    "第二十五条第一至三款": [(25, 1, 0), (25, 2, 0), (25, 3, 0)],
    "第二十五条第一款和第三款": [(25, 1, 0), (25, 3, 0)],
    "条例25条怎么说": [(25, 0, 0)],
    "条例25条2款": [(25, 2, 0)],
    "条例第25条": [(25, 0, 0)],
    "本条例第三条": [(3, 0, 0)],
    "该意见第三条": [(3, 0, 0)],
    "25条": [(25, 0, 0)],
    "25条第2款": [(25, 2, 0)],
    "劳动合同法39条": [(39, 0, 0)],
    "劳动合同法第三十九条第（二）项": [(39, 0, 2)],
    "劳动合同法第三十九条第二项": [(39, 0, 2)],
    "劳动合同法第三十九条（二）项": [(39, 0, 2)],
    "第三十九条第(二)项": [(39, 0, 2)],
    "第三十九条第2项": [(39, 0, 2)],
    "第三十九条第二款第（三）项": [(39, 2, 3)],
    "第三十九条第二款第三项": [(39, 2, 3)],
    "第39条第2款第3项": [(39, 2, 3)],
    "第三十九条第二款第（一）至（三）项": [(39, 2, 1), (39, 2, 2), (39, 2, 3)],
    "第三十九条第（一）项、第（三）项": [(39, 0, 1), (39, 0, 3)],
    "第三十九条第（一）、（三）项": [(39, 0, 1), (39, 0, 3)],
    "第三十九条第一项至第三项": [(39, 0, 1), (39, 0, 2), (39, 0, 3)],
    "刑法第一百二十条之一": [(120, 1, 0, 0)],
    "第一百二十条之一第二款": [(120, 1, 2, 0)],
    "第120条之1": [(120, 1, 0, 0)],
    "第一千零一条": [(1001, 0, 0)],
    "第一千一百六十五条第二款": [(1165, 2, 0)],
    "第十条": [(10, 0, 0)],
    "第二十条": [(20, 0, 0)],
    "第一百条": [(100, 0, 0)],
    "第一百零五条": [(105, 0, 0)],
    "第一百一十五条": [(115, 0, 0)],
    "第三条和第八条第一款": [(3, 0, 0), (8, 1, 0)],
    "第三条、第八条": [(3, 0, 0), (8, 0, 0)],
    "第三条以及第八条": [(3, 0, 0), (8, 0, 0)],
    "第三、四、五条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第三、第四条": [(3, 0, 0), (4, 0, 0)],
    "第三条至第五条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第三条到第五条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第三至五条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第三至第五条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第3-5条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第3条-第5条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第3\uff5e5条": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第三条至第五条、第八条": [(3, 0, 0), (4, 0, 0), (5, 0, 0), (8, 0, 0)],
    "依照第二十五条的规定": [(25, 0, 0)],
    "根据本法第二十五条第二款规定": [(25, 2, 0)],
    "第三条规定的期限，同条第二款另有规定": [(3, 0, 0), (3, 2, 0)],
    "第三条第一款和同条第二款": [(3, 1, 0), (3, 2, 0)],
    "第八项任务": [(8, 0, 0)],
    "行动方案第三项任务": [(3, 0, 0)],
    "第8项重点任务": [(8, 0, 0)],
    "第三个任务": [(3, 0, 0)],
    "行动方案第3条": [(3, 0, 0)],
    "二（四）8": [(2, 4, 8, 0, 0)],
    "二（四）": [(2, 4, 0, 0)],
    "二、（四）8": [(2, 4, 8, 0, 0)],
    "第二部分第（四）点": [(2, 4, 0, 0)],
    "第二部分（四）8": [(2, 4, 8, 0, 0)],
    "Part II (4) 8": [(2, 4, 8, 0, 0)],
    "Part II (4)": [(2, 4, 0, 0)],
    "part ii (4) 8": [(2, 4, 8, 0, 0)],
    "Part 2 (4)": [(2, 4, 0, 0)],
    "Art. 25(2)": [(25, 2, 0)],
    "Art 25 (2)": [(25, 2, 0)],
    "Art.25": [(25, 0, 0)],
    "art 7": [(7, 0, 0)],
    "article 7": [(7, 0, 0)],
    "ARTICLE 7": [(7, 0, 0)],
    "Article 25-1": [(25, 1, 0, 0)],
    "Article 12, paragraph 4": [(12, 4, 0)],
    "Article 12 paragraph 4": [(12, 4, 0)],
    "Article 12 para 4": [(12, 4, 0)],
    "Article 12, para. 4": [(12, 4, 0)],
    "art 5 para 2": [(5, 2, 0)],
    "Article 39(2) item 3": [(39, 2, 3)],
    "Article 39(2)(3)": [(39, 2, 3)],
    "Article 39, paragraph 2, item (3)": [(39, 2, 3)],
    "Article 39, item 3": [(39, 0, 3)],
    "Article 39, subparagraph 3": [(39, 0, 3)],
    "Article 39, paragraphs 2 and 3": [(39, 2, 0), (39, 3, 0)],
    "Article 39, paragraphs 1 to 3": [(39, 1, 0), (39, 2, 0), (39, 3, 0)],
    "paragraph 2 of Article 44": [(44, 2, 0)],
    "para 2 of art. 44": [(44, 2, 0)],
    "paragraph 2 in Article 44": [(44, 2, 0)],
    "the second paragraph of Article 44": [(44, 2, 0)],
    "the 2nd paragraph of Article 44": [(44, 2, 0)],
    "item 3 of Article 39": [(39, 0, 3)],
    "item (3) of paragraph 2 of Article 39": [(39, 2, 3)],
    "Articles 3, 4 and 5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "Articles 3 to 5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "Articles 3-5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "Arts. 3–5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "Articles 3 through 5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "Articles 3 to 5 and 8": [(3, 0, 0), (4, 0, 0), (5, 0, 0), (8, 0, 0)],
    "Article 3 and Article 8(1)": [(3, 0, 0), (8, 1, 0)],
    "Article 3 to Article 5": [(3, 0, 0), (4, 0, 0), (5, 0, 0)],
    "第五十八条第二款和 Art. 25(2)": [(58, 2, 0), (25, 2, 0)],
    # What is none:
    "科创22条": [],
    "2021年第3季度": [],
    "the party of 25 people": [],
    "三个工作日": [],
    "第三届人民代表大会": [],
    "出台25条措施": [],
    "the art of 25 painters": [],
    "take part in 3 projects": [],
    "一千条意见": [],
    "第二次会议": [],
}


def test_there_are_a_hundred_notations() -> None:
    """The table is as long as it says."""
    assert len(NOTATIONS) >= 100


@pytest.mark.parametrize("text", NOTATIONS)
def test_notations(text: str) -> None:
    """Each notation gives article, paragraph and item; other numbers give none."""
    assert _row(text) == NOTATIONS[text]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("科创条例里怎么规定", ["sti-center-regulations"]),
        ("《上海市推进科技创新中心建设条例》第三条", ["sti-center-regulations"]),
        ("条例第25条", ["sti-center-regulations"]),
        ("行动方案第3条", ["tech-transfer-action-plan"]),
        ("according to the action plan", ["tech-transfer-action-plan"]),
        ("科创22条说什么", ["sti-center-opinions"]),
        ("人才政策有哪些", []),
    ],
)
def test_documents_named(text: str, ids: list[str]) -> None:
    """A title, a short name, or a kind that only one document is of names it."""
    assert [document.id for document in DocumentNames(DOCUMENTS).find(text)] == ids


@pytest.mark.parametrize("number", range(1, 60))
def test_every_article_is_reached_by_its_number(number: int) -> None:
    """第N条 and Article N resolve to the article whose printed label has that number."""
    (chinese,) = resolve(find_references(f"第{number}条")[0], REGULATIONS)
    (english,) = resolve(find_references(f"Article {number}")[0], REGULATIONS)
    assert chinese is english
    assert label_en(chinese) == f"Article {number}"


def test_points_of_a_plan_are_reached_by_their_running_number() -> None:
    """行动方案第8条 is point 8, which runs on through the headings."""
    (clause,) = resolve(find_references("行动方案第8条")[0], PLAN)
    assert clause.label == "二（四）8"


def test_labels_in_both_languages() -> None:
    """Labels name the paragraph where a clause has several, and only there."""
    article = next(clause for clause in REGULATIONS if clause.key == "25")
    task = next(clause for clause in PLAN if clause.key == "2.4.8")
    principle = next(clause for clause in PLAN if clause.key == "1.2")
    one = next(clause for clause in REGULATIONS if clause.key == "2")
    assert (label_of(article, 2), label_en(article, 2)) == (
        "第二十五条第二款",
        "Article 25, paragraph 2",
    )
    assert (label_of(task, 1), label_en(task, 1)) == ("二（四）8", "Part II (4) 8")
    assert (label_of(principle, 3), label_en(principle, 3)) == (
        "一（二）第3段",
        "Part I (2), paragraph 3",
    )
    assert (label_of(one, 1), label_en(one, 1)) == ("第二条", "Article 2")


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    digits = "零一二三四五六七八九"
    return f"{digits[tens] if tens > 1 else ''}{'十' if tens else ''}{digits[ones] if ones else ''}"


def _clean_edition() -> dict[int, list[str]]:
    """Return the 款 of each article as the clean edition prints them, a line for each.

    A line that begins with a bracketed numeral is an item of the line above.
    """
    articles: dict[int, list[str]] = {}
    for line in (GOLDEN / "sti-center-regulations.md").read_text("utf-8").splitlines():
        text = line.strip().strip("*").strip()
        if not text or text.startswith("#"):
            continue
        match = re.match(r"第([一二三四五六七八九十]+)条\s*", text)
        if match:
            articles[len(articles) + 1] = [text[match.end() :]]
        elif articles and re.match(r"[（(][一二三四五六七八九十]+[）)]", text):
            articles[len(articles)][-1] += "\n" + text
        elif articles:
            articles[len(articles)].append(text)
    return articles


def test_every_paragraph_and_item_is_reached_in_each_notation(engine: Engine) -> None:
    """Each 条, 款 and 项 of the regulations, cited by number, is quoted exactly, in both languages.

    What must be quoted is what the clean edition has at that place.
    """
    wrong = []
    edition = _clean_edition()
    assert sorted(edition) == list(range(1, 60))
    for number, paragraphs in edition.items():
        han = _numeral(number)
        for asked in (f"条例第{han}条", f"科创条例第{number}条", f"regulations Article {number}"):
            wrong += _differing(engine, asked, "".join(paragraphs))
        for n, text in enumerate(paragraphs, 1):
            for asked in (
                f"条例第{han}条第{_numeral(n)}款",
                f"条例第{number}条第{n}款",
                f"科创条例{number}条{n}款",
                f"regulations Art. {number}({n})",
                f"Article {number}, paragraph {n} of the regulations",
                f"paragraph {n} of Article {number} of the regulations",
            ):
                wrong += _differing(engine, asked, text)
            for place, item in enumerate(text.split("\n")[1:], 1):
                for asked in (
                    f"条例第{han}条第{_numeral(n)}款第（{_numeral(place)}）项",
                    f"条例第{number}条第{place}项",
                    f"regulations Article {number}({n}) item {place}",
                ):
                    wrong += _differing(engine, asked, item)
    assert wrong == []


def _differing(engine: Engine, asked: str, expected: str) -> list[str]:
    answer = engine.ask(Question(asked))
    quotes = [one.quote for one in answer.citations]
    same = len(quotes) == 1 and _letters(quotes[0]).endswith(_letters(expected))
    return [] if same and answer.status == "answered" else [f"{asked}: {quotes}"]


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def test_a_part_that_is_not_there_is_said(engine: Engine) -> None:
    """Article 25 has three paragraphs; the fourth is not invented, the whole is quoted."""
    answer = engine.ask(Question("条例第二十五条第九款"))
    assert answer.citations[0].label == "第二十五条"
    assert any("没有所问的款" in note for note in answer.notes)
    assert engine.ask(Question("条例第六十条")).status == "no_basis"


def test_lists_ranges_and_two_documents(engine: Engine) -> None:
    """Each article of a range is cited; each document's own number goes with its own name."""
    labels = [one.label for one in engine.ask(Question("条例第三条至第五条、第八条")).citations]
    assert labels == ["第三条", "第四条", "第五条", "第八条"]
    both = engine.ask(Question("科创条例第3条和行动方案第8条")).citations
    assert [(one.document_id, one.label) for one in both] == [
        ("sti-center-regulations", "第三条"),
        ("tech-transfer-action-plan", "二（四）8"),
    ]


@pytest.mark.parametrize(
    "asked",
    ["行动方案二（四）8", "action plan Part II (4) 8", "行动方案第八项任务", "行动方案第8条"],
)
def test_points_of_a_plan(engine: Engine, asked: str) -> None:
    """A point of a numbered plan is reached by its headings and by its running number."""
    assert [one.label for one in engine.ask(Question(asked)).citations] == ["二（四）8"]


def test_a_heading_stands_for_its_points(engine: Engine) -> None:
    """二（四） has no text of its own; points 8 to 11 stand below it."""
    found = engine.ask(Question("行动方案第二部分第（四）点")).citations
    assert [one.label for one in found] == [f"二（四）{n}" for n in (8, 9, 10, 11)]


@pytest.mark.parametrize(
    "asked",
    [
        "劳动合同法第三十九条",
        "劳动合同法第三十九条第（二）项",
        "《专利法》第六条",
        "《中华人民共和国刑法》的第六条",
        "劳动法第三条至第五条、第八条",
        "Article 39 of the Labour Contract Law",
        "Labour Contract Law Article 39",
        "Patent Law, Art. 6",
    ],
)
def test_an_article_of_a_law_that_is_not_here_is_not_ours(engine: Engine, asked: str) -> None:
    """No law of these names is bundled: our article of that number is not cited as the answer."""
    answer = engine.ask(Question(asked))
    assert answer.status != "answered"
    assert engine._served.retriever.cited(Question(asked)) == []


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ("科创条例第48条和劳动法第3条", ["第四十八条"]),
        ("劳动法第3条和科创条例第48条", ["第四十八条"]),
        ("劳动法第3条、第5条，科创条例第48条", ["第四十八条"]),
        ("《上海市推进科技创新中心建设条例》第48条", ["第四十八条"]),
        ("请问条例第48条", ["第四十八条"]),
        ("第48条", ["第四十八条"]),
    ],
)
def test_each_citation_is_of_the_rule_named_for_it(
    engine: Engine, asked: str, labels: list[str]
) -> None:
    """Of two rules in one question only the one that is here is cited."""
    assert [one.label for one in engine.ask(Question(asked)).citations] == labels


# What is cited is an article of the regulations, or of a rule that is not in the corpus.
OF_WHOM = {
    "条例第三条": True,
    "请问条例第三条怎么说": True,
    "请列出条例第三条": True,
    "根据条例第三条": True,
    "科创条例第三条": True,
    "上海科创中心条例第三条": True,
    "我们上海的科创条例第三条": True,
    "这个条例里面第三条": True,
    "Article 3 of the regulations": True,
    "the Shanghai regulations, Article 3": True,
    "江苏省科技创新条例第三条": False,
    "深圳经济特区科技创新条例第3条说什么": False,
    "北京的条例第三条": False,
    "浦东新区条例第三条": False,
    "上海市科学技术进步条例第三条": False,
    "著作权法实施条例第三条": False,
    "劳动合同法第三条": False,
    "Article 3 of the Jiangsu regulations": False,
    "the Beijing regulations, Article 3": False,
}


@pytest.mark.parametrize("text", OF_WHOM)
def test_another_rule_of_the_same_kind_is_not_ours(engine: Engine, text: str) -> None:
    """Another place's 条例 is not answered with ours, whatever its article's number."""
    answer = engine.ask(Question(text))
    cited = [one.clause_id for one in answer.citations if answer.status == "answered"]
    assert (cited == ["sti-center-regulations#3"]) == OF_WHOM[text]
    if not OF_WHOM[text]:
        assert answer.status != "answered"
