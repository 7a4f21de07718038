"""Figures of the splitter over a folder of Markdown laws; see scripts/measure_splitting."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from qa.clauses import find_gaps, split_clauses
from qa.documents import read_document_file

ARTICLE = re.compile(
    r"[\s\u200b\u3000#*]*(第[零〇一二三四五六七八九十百千万两\d]+条(?:之[一二三四五六七八九十]+)?)"
)


def main(folder: Path) -> None:
    """Print the figures of all Markdown files under a folder."""
    wanted_in_all = single = gaps = uncovered = 0
    losses: list[str] = []
    files = sorted(folder.rglob("*.md"))
    for file in files:
        document = read_document_file(file)
        clauses = split_clauses(document)
        matches = map(ARTICLE.match, file.read_text("utf-8").splitlines())
        wanted = Counter(match.group(1) for match in matches if match)
        found = Counter(clause.label for clause in clauses if re.match(r"第.*条", clause.label))
        wanted_in_all += wanted.total()
        single += (wanted & found).total()
        gaps += len(find_gaps(document, clauses))
        position = 0
        for clause in clauses:
            uncovered += len(document.text[position : clause.start].strip())
            position = clause.end
        uncovered += len(document.text[position:].strip())
        if wanted != found:
            differences = [*(wanted - found), *(f"+{label}" for label in found - wanted)]
            losses.append(f"{file.name}: {' '.join(differences)}")
    print(f"{len(files)} files, {wanted_in_all} lines that open an article")
    print(f"exactly one clause: {single} ({single / max(wanted_in_all, 1):.4%})")
    print(f"characters outside every clause: {uncovered}; breaks in the numbering: {gaps}")
    print(*losses, sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
