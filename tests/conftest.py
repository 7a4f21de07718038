"""Fixtures: an engine over the bundled corpus, built once for the whole run."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.engine import Engine
from qa.index import build_index
from qa.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "corpus"
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the bundled corpus and of a fresh index, already built."""
    made = Settings(corpus=CORPUS, index=tmp_path_factory.mktemp("index"))
    build_index(made, lambda *_: None)
    return made


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Engine:
    """An engine over the bundled corpus."""
    return Engine.open(settings)
