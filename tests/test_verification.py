"""Drafts checked against the documents: thirty that are right, thirty that were tampered with."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from conftest import CORPUS
from fastapi.testclient import TestClient

from qa.amounts import find_amounts
from qa.cli import main
from qa.engine import Engine
from qa.errors import QuestionTooLongError
from qa.labels import label_en, label_of
from qa.settings import Settings
from qa.verification import letters_of
from qa.web.app import create_app

IN_FORCE = date(2022, 6, 1)  # a day on which the action plan applied

RIGHT = [
    "根据《上海市推进科技创新中心建设条例》第二十五条第二款，“应当在本单位公示科技成果名称和拟交易价格”。",
    "科创条例第八条第一款规定，“市、区人民政府应当逐年加大财政科技投入”。",
    "按照科创条例第48条，本市“依法实施惩罚性赔偿制度,加大侵权损害赔偿力度”。",
    "《上海市推进科技创新中心建设条例》第五十九条：“本条例自2020年5月1日起施行”。",
    "科创条例第五十九条说明条例自二〇二〇年五月一日起施行。",
    "科创条例第五十六条第一款：「建立伦理风险评估和伦理审查机制」。",
    "科创条例第五十六条第一款：「建立倫理風險評估和倫理審查機制」。",
    "条例第三十一条第二款提到“设立张江国家自主创新示范区发展专项资金”。",
    "条例第三十七条要求“推行代表性成果评价”，并“建立人才分类评价机制”。",
    "条例第四十五条第二款规定开展“快速授权、快速确权和快速维权等相关服务”。",
    "条例第五十五条第二款：“对信用良好的创新主体，在科研项目申报和管理等方面依法给予便利”。",
    "条例第五十八条第一款规定，勤勉尽责的“不作负面评价，依法免除相关责任”。",
    "条例第二十八条第二款允许海外机构“按照规定联合申报本市科技计划项目”。",
    "条例第二十三条第二款：“市人民政府有关部门应当支持重点实验室、工程（技术）中心建设”。",
    "条例第二条明确：本市行政区域内推进科技创新中心建设的相关工作，适用本条例。",
    "条例第十一条和第十七条都讲到社会组织。",
    "条例第三条至第五条规定总体要求。",
    "“公平参与市场竞争”是条例第十一条第二款的要求。",
    "条例第二十六条第二款“支持企业建立制造业创新中心、企业技术中心等产业创新平台”。",
    "条例第五十二条推进“大型科学仪器设施以及科技信息、科学数据、科技报告等开放共享”。",
    "科创22条三、（十二）以外另有说明：“科技成果转化收益归属研发团队所得比例不低于70%”。",
    "“允许高校和科研院所科技成果转化收益归属研发团队所得比例不低于７０％”",
    "行动方案一（三）：技术市场合同成交金额超过3000亿元，培育示范机构100家以上。",
    "行动方案一（三）提出“汇聚3000名以上专业技术转移人才”。",
    "行动方案第2条：“推动国企体制机制改革，激发创新活力”。",
    "According to Article 59 of the regulations, they apply from 2020.",
    "Article 48 of the regulations: “依法实施惩罚性赔偿制度，加大侵权损害赔偿力度”.",
    "Article 25, paragraph 2 of the regulations requires a notice: “应当在本单位公示”.",
    "Article 25(2) of the regulations says that an institution “may, in accordance with the law, "
    "be exempted from asset appraisal”.",
    "The regulations, Article 8(1), want more money every year: “应当逐年加大财政科技投入”.",
]
# A draft, and the verdict that somebody who knows the documents gives it.
TAMPERED = [
    ("科创条例第二十四条第二款，“应当在本单位公示科技成果名称和拟交易价格”。", "altered"),
    ("科创条例第二十五条第一款，“应当在本单位公示科技成果名称和拟交易价格”。", "altered"),
    ("科创条例第二十五条第二款，“应当在本单位公示科技成果名称和最终交易价格”。", "altered"),
    ("科创条例第八条第一款规定，“市、区人民政府应当逐年减少财政科技投入”。", "altered"),
    ("科创条例第八条第一款规定，“市、区人民政府可以逐年加大财政科技投入”。", "altered"),
    ("科创条例第四十八条，“依法实施补偿性赔偿制度，加大侵权损害赔偿力度”。", "altered"),
    ("科创条例第五十九条说明条例自2021年5月1日起施行。", "altered"),
    ("科创条例第五十九条：“本条例自2020年6月1日起施行”。", "altered"),
    ("根据科创条例第六十条，企业可以申请补贴。", "not_found"),
    ("根据科创条例第二十五条第九款，价格应当公示。", "not_found"),
    ("根据科创条例第二条第（五）项，应当备案。", "not_found"),
    ("科创条例第一百二十条规定了罚则。", "not_found"),
    ("《上海市科技小巨人条例》第三条规定“小巨人企业每年获得补助五十万元”。", "not_found"),
    ("条例第十一条规定“凡在上海注册的企业均可领取一次性创业补贴和三年房租减免”。", "not_found"),
    ("“所有科研人员每年必须完成两项发明专利并提交书面总结报告备查”", "not_found"),
    ("条例第五十六条第一款：“取消伦理风险评估和伦理审查机制”。", "altered"),
    ("条例第三十七条要求“推行论文数量评价”。", "not_found"),
    ("条例第四十五条第二款规定开展“快速授权、快速确权和缓慢维权等相关服务”。", "altered"),
    ("条例第五十五条第二款：“对信用良好的创新主体，依法予以限制”。", "altered"),
    ("条例第五十八条第一款规定，“不作负面评价，依法追究相关责任”。", "altered"),
    ("条例第二十八条第二款：“海外研发机构和科学家不得联合申报本市科技计划项目”。", "altered"),
    ("“科技成果转化收益归属研发团队所得比例不低于50%”", "altered"),
    ("“允许高校和科研院所科技成果转化收益归属研发团队所得比例不高于70%”", "altered"),
    ("行动方案一（三）：技术市场合同成交金额超过5000亿元。", "altered"),
    ("行动方案一（三）提出“汇聚300名以上专业技术转移人才”。", "altered"),
    ("行动方案一（三）：发展两百家以上示范机构。", "altered"),
    ("According to Article 59 of the regulations, they apply from 2019.", "altered"),
    ("Article 61 of the regulations gives a right of appeal.", "not_found"),
    ("Under Article 25(2) of the regulations the notice lasts 15 days.", "altered"),
    (
        "Article 25(2) of the regulations says that an institution “may, in accordance with the "
        "law, never be exempted from asset appraisal”.",
        "altered",
    ),
]


def test_there_are_thirty_of_each() -> None:
    """The lists are as long as they say, without doubles."""
    assert len(set(RIGHT)) >= 30
    assert len({text for text, _ in TAMPERED}) >= 30


@pytest.mark.parametrize("text", RIGHT)
def test_right_drafts_pass(engine: Engine, text: str) -> None:
    """Other punctuation, width, script and numerals do not make a draft wrong."""
    checked = engine.verify(text, IN_FORCE)
    assert checked.verdict == "verified", checked.findings


@pytest.mark.parametrize(("text", "verdict"), TAMPERED)
def test_tampered_drafts_are_caught(engine: Engine, text: str, verdict: str) -> None:
    """A wrong article, a changed number or word, an invention: none is verified."""
    checked = engine.verify(text, IN_FORCE)
    assert checked.verdict == verdict, checked.findings


@pytest.mark.parametrize(
    "text",
    [
        "科创条例第四十八条。劳动法第三条另有规定。",
        "科创条例第四十八条和《劳动法》第三条都有规定。",
        "Article 48 of the regulations. Article 3 of the Labour Law differs.",
    ],
)
def test_a_law_that_is_not_here_is_not_read_as_ours(engine: Engine, text: str) -> None:
    """The article of the regulations with that number is not given as verified."""
    cited = [one.clause_id for one in engine.verify(text).findings if one.verdict == "verified"]
    assert "sti-center-regulations#3" not in cited


def test_a_rule_that_has_run_out_is_told(engine: Engine) -> None:
    """The action plan applied in 2022 and no longer does; the finding says since when."""
    text = "行动方案一（三）提出“汇聚3000名以上专业技术转移人才”。"
    assert engine.verify(text, IN_FORCE).verdict == "verified"
    checked = engine.verify(text, date(2026, 12, 1))
    assert checked.verdict == "repealed"
    assert any("2023-12-31" in one.message for one in checked.findings)


def test_differences_are_shown(engine: Engine) -> None:
    """What the document has and what the draft has stand side by side."""
    text = "条例第八条规定“应当逐年减少财政科技投入”。"
    (quotation,) = [f for f in engine.verify(text).findings if f.kind == "quotation"]
    assert [(one.expected, one.found) for one in quotation.differences] == [("加大", "减少")]


def test_tolerance_is_said(engine: Engine) -> None:
    """A quotation that keeps the letters but not the marks is verified, and that is told."""
    text = "条例第四十八条：“依法实施惩罚性赔偿制度,加大侵权损害赔偿力度”。"
    (quotation,) = [f for f in engine.verify(text).findings if f.kind == "quotation"]
    assert quotation.verdict == "verified"
    assert "punctuation" in quotation.message


def test_every_character_is_checked_or_listed(engine: Engine) -> None:
    """Spans are those of the text; a sentence with nothing to check is listed as such."""
    text = "大家好。条例第四十八条“依法实施惩罚性赔偿制度”。祝工作顺利！"
    checked = engine.verify(text)
    assert [text[a:b] for a, b in checked.unchecked] == ["大家好。", "祝工作顺利！"]
    assert all(one.text in text[one.start : one.end] for one in checked.findings)


@pytest.mark.parametrize(
    "text", ["”“", "“" * 200, "“第\x00条", "「" + "条" * 5000, "\u202e条例第", "第" * 3000 + "条"]
)
def test_hostile_texts_are_read(engine: Engine, text: str) -> None:
    """Unbalanced marks and odd characters are checked like any text, without an error."""
    assert engine.verify(text).verdict in ("not_found", "altered", "verified")


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("三十日内", ["30"]),
        ("30日", ["30"]),
        ("百分之五十", ["50%"]),
        ("50％以上", ["50%"]),
        ("1,800万元", ["18000000"]),
        ("一千八百万元", ["18000000"]),
        ("3.5%", ["3.5%"]),
        ("二〇二〇年五月一日", ["20200501"]),
        ("2 million yuan", ["2000000"]),
        ("seventy per cent", ["70%"]),
        ("第二十五条、一般情形、统一标准、（三）", []),
        ("《方案（2021－2023年）》", []),
    ],
)
def test_amounts(text: str, amounts: list[str]) -> None:
    """One value in all its forms; numbers of articles, lists and titles state nothing."""
    found = [f"{one.value:f}{'%' if one.is_percent else ''}" for one in find_amounts(text)]
    assert found == amounts


def test_letters_keep_what_a_quotation_must_keep() -> None:
    """Width, script, case and marks may differ, letters and digits may not."""
    assert letters_of("７０％，《條例》 R&D") == letters_of("70%条例r d")
    assert letters_of("可以") != letters_of("应当")


@pytest.fixture
def client(engine: Engine, settings: Settings) -> TestClient:
    return TestClient(create_app(engine, settings))


def test_over_http(client: TestClient) -> None:
    """The reply has the worst verdict, the findings and what was not checked."""
    reply = client.post("/v1/verify", json={"text": "条例第六十条规定。好的。"}).json()
    assert reply["verdict"] == "not_found"
    assert reply["findings"][0]["kind"] == "citation"
    assert [one["text"] for one in reply["unchecked"]] == ["好的。"]


@pytest.mark.parametrize(
    ("body", "status"), [({"text": ""}, 422), ({"text": "条" * 100_001}, 422), ({}, 422)]
)
def test_bad_requests_over_http(client: TestClient, body: dict[str, str], status: int) -> None:
    """Too little and too much are clear errors of the contract."""
    reply = client.post("/v1/verify", json=body)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


def test_on_the_command_line(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """0 where all is so, 1 where something is not, 2 where there is no such file."""
    monkeypatch.setenv("TIAOWEN_CORPUS", str(CORPUS))
    monkeypatch.setenv("TIAOWEN_INDEX", str(settings.index))
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(RIGHT[0], "utf-8")
    bad.write_text(TAMPERED[0][0], "gb18030")
    assert main(["verify", str(good)]) == 0
    assert main(["verify", str(bad), "--json"]) == 1
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))["verdict"]
    assert main(["verify", str(tmp_path / "none.txt")]) == 2


# Drafts that differ by little, and whether somebody who knows the documents would let them pass.
CLOSE_CALLS = [
    ("条例第五十八条第一款：对勤勉尽责的，不“作负面评价”。", True),
    ("条例第五十八条第一款规定，对未达预期的要“作负面评价”。", False),
    ("条例自2020年5月1日起施行（第五十九条）。", True),
    ("条例第五十九条：自2020年1月5日起施行。", False),
    ("According to Article 59, the regulations took effect on May 1, 2020.", True),
    ("According to Article 59, the regulations took effect on 5 January 2020.", False),
    ("意见三、12规定，转化收益归研发团队的比例不低于70%。", True),
    ("意见三、12规定，转化收益归研发团队的比例不低于70个百分点。", False),
    ("意见三、11：科研人员离岗创业的孵化期为3至5年。", True),
    ("意见三、11：科研人员离岗创业的孵化期为3至5个月。", False),
    (
        "行动方案一（三）：技术市场合同成交金额超过3000亿元，科研机构技术合同成交金额超过300亿元。",
        True,
    ),
    (
        "行动方案一（三）：技术市场合同成交金额超过300亿元，科研机构技术合同成交金额超过3000亿元。",
        False,
    ),
    ("条例第四十四条：“对中小微企业政策性融资担保基金不进行营利性指标考核”。", True),
    ("条例第四十四条：“对中小微企业政策性融资担保基金进行营利性指标考核”。", False),
    ("江苏省科技创新条例第三条规定了目标。", False),
    ("科创条例第四十八条要求惩罚性赔偿。劳动法第三条另有规定。", False),
    ("条例第五条第四款规定了区政府的职责。", False),
]


@pytest.mark.parametrize(("draft", "passes"), CLOSE_CALLS)
def test_close_calls(engine: Engine, draft: str, passes: bool) -> None:
    """A word left out, a unit, a place or parts of a date exchanged: told; their like is not."""
    assert (engine.verify(draft, IN_FORCE).verdict == "verified") == passes


def test_too_many_quotations_are_refused(engine: Engine) -> None:
    """What would keep the service busy is refused with the cure."""
    with pytest.raises(QuestionTooLongError, match="send it in parts"):
        engine.verify("“没有这样的规定存在”。" * 501)


def test_our_own_citations_verify(engine: Engine) -> None:
    """Every label that an answer prints is understood again, in both languages, down to the 款."""
    for document in engine.documents():
        for clause in engine.clauses(document.id):
            if not re.search(r"条|\d", clause.label) or re.search(r"[“段]", clause.label):
                continue  # front matter, whole parts, and passages without a number of their own
            numbers = [0, *(one.number for one in clause.paragraphs)]
            for number in numbers if len(clause.paragraphs) > 1 else [0]:
                for label in (label_of(clause, number), label_en(clause, number)):
                    title = document.title
                    draft = f"《{title}》{label}" if label[0] != "A" else f"{label} of 《{title}》"
                    found = engine.cited(draft)
                    assert clause.id in {one.clause.id for one in found}, draft
                    assert number in {one.paragraph for one in found}, draft
