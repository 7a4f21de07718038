"""What the documents say is so: commands, settings, links, examples."""

from __future__ import annotations

import doctest
import importlib
import re
from dataclasses import fields

import pytest
from conftest import ROOT

from qa.settings import PREFIX, Settings

README = (ROOT / "README.md").read_text("utf-8")


def test_readme_lists_every_setting() -> None:
    """The table of settings has each variable, and no other."""
    listed = set(re.findall(rf"{PREFIX}[A-Z_]+", README))
    assert listed == {PREFIX + one.name.upper() for one in fields(Settings)}


def test_commands_in_the_readme_exist() -> None:
    """Each `tiaowen COMMAND` of the README is a command, and each script is there."""
    from qa.commands import app

    commands = {
        one.name or one.callback.__name__ for one in app.registered_commands if one.callback
    }
    assert set(re.findall(r"`?tiaowen ([a-z]+)", README)) <= commands
    for script in re.findall(r"scripts/[a-z_]+", README):
        assert (ROOT / script).exists()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "corpus/README.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Relative links of the documents point at files that exist."""
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    "module",
    [
        "cleaning",
        "clauses",
        "dates",
        "document_names",
        "documents",
        "lexicon",
        "numbering",
        "places",
        "quantities",
        "references",
    ],
)
def test_examples_in_docstrings(module: str) -> None:
    """The worked examples in docstrings give what they say."""
    result = doctest.testmod(importlib.import_module(f"qa.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_error_table_puts_children_first() -> None:
    """No row of the error table is hidden by a parent above it."""
    from qa.errors import ERROR_TABLE

    kinds = [row[0] for row in ERROR_TABLE]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, above) for above in kinds[:place]), kind
