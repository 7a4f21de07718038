"""The house keeps its shape: imports point down, each library lives in one room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

LAYERS = (
    ("models", "errors", "qa"),
    ("settings", "text", "spelling", "places", "delimited", "columns", "journal", "crew"),
    (
        "numbering",
        "sheet",
        "differences",
        "validity",
        "lexicon",
        "ranking",
        "quantities",
        "dates",
        "amounts",
    ),
    ("summary", "asks"),
    ("outcomes",),
    ("cleaning", "paragraphs", "references", "resolution", "labels", "encoder", "document_names"),
    ("workbook",),
    ("readers",),
    (
        "statutes",
        "documents",
        "translations",
        "enrichment",
        "quotes",
        "substitution",
        "support",
    ),
    ("outlines", "catalog", "gathering", "cross_references", "conversation", "endpoint"),
    ("clauses",),
    ("adding",),
    ("keyword_index", "vector_index", "token_index"),
    ("snapshots",),
    ("index", "retriever", "pieces", "answers", "gaps", "verification", "explaining"),
    ("feedback",),
    ("confidence", "generation"),
    ("faq",),
    ("served",),
    ("notes",),
    ("engine",),
    ("wire", "chat", "batch", "enriching", "evaluation", "doctor"),
    ("calibrating", "approving", "tool_server", "jobs"),
    ("web", "terminal"),
    ("client",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted((ROOT / "qa").rglob("*.py"))
# Each library is known to one or two modules (or to the one package `web`).
HOMES: dict[str, tuple[str, ...]] = {
    "faiss": ("vector_index",),
    "bm25s": ("keyword_index",),
    "jieba": ("text",),
    "rjieba": ("text",),
    "opencc": ("text",),
    "sentence_transformers": ("encoder",),
    "tokenizers": ("encoder",),
    "safetensors": ("encoder",),
    "tomlkit": ("catalog", "faq", "adding"),
    "rapidfuzz": ("spelling", "differences"),
    "fastapi": ("web",),
    "starlette": ("web",),
    "uvicorn": ("web",),
    "cryptography": ("chat",),
    "jwt": ("chat",),
    "slack_sdk": ("chat",),
    "typer": ("commands",),
    "rich": ("terminal",),
    "mcp": ("tool_server", "web"),
    "httpx2": ("client", "chat"),
    "pypdfium2": ("readers",),
    "docx": ("readers",),
    "bs4": ("readers",),
}


def room_of(file: str) -> str:
    parts = file.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__init__" else "qa"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    """A module imports only modules of lower layers; a library only where it is at home."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    room = room_of(name)
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "qa":
                names = [f"qa.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for imported in names:
            library = imported.split(".")[0]
            if library == "qa":
                other = room_of(imported)
                assert other == room or LEVEL[other] < LEVEL[room], f"{room} imports {other}"
            elif library in HOMES:
                assert room in HOMES[library], f"{room} imports {library}"


def test_importing_the_package_does_nothing() -> None:
    """`tiaowen --help` loads neither numpy nor FAISS nor FastAPI."""
    code = (
        "import sys, qa.cli\n"
        "heavy = {'numpy', 'faiss', 'fastapi', 'torch', 'jieba', 'tokenizers'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
