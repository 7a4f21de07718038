"""English typing errors in questions."""

from __future__ import annotations

import pytest

from qa.encoder import open_encoder
from qa.spelling import Speller

SPELLER = Speller(open_encoder("embedded").words())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tecnology contrct registraton", "technology contract registration"),
        ("goverment garantee mecanism", "government guarantee mechanism"),
        ("Tecnology transfer", "technology transfer"),
    ],
)
def test_errors_are_mended(typed: str, meant: str) -> None:
    """Dropped, swapped and doubled letters lead to the word that was meant."""
    assert SPELLER.mend(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Does Zhangjiang have a WIPO centre?",
        "subsidised organisations licences",
        "see tiaowen.example/xqzvvbn or mail xqzvvbn@example",
        "科创板 IPO 怎么办",
        "qqqqqqqqqqq",
        "R&D 2021 PCT",
    ],
)
def test_names_abbreviations_and_british_spelling_stay(text: str) -> None:
    """Names in capitals, abbreviations, addresses, Chinese and words like none stay as typed."""
    assert SPELLER.mend(text) == text


def test_without_known_words_nothing_is_mended() -> None:
    """An encoder that does not say its words leaves questions as they are."""
    assert Speller([]).mend("tecnology") == "tecnology"
