"""Where a quotation departs from the text that it is taken from."""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

SHORTEST_RUN = 2  # letters in common that count; single ones stand anywhere by chance
SHOWN = 40  # letters of a difference that are shown


@dataclass(frozen=True, slots=True)
class Difference:
    """What the document has, and what the text has in its place."""

    expected: str
    found: str


def compare(held: str, wanted: str) -> tuple[float, tuple[Difference, ...]]:
    """Return the share of a quotation's letters that a text has in order, and what differs.

    >>> compare("本市应当公开结果并说明理由", "应当公布结果并说明理由")
    (0.9090909090909091, (Difference(expected='开', found='布'),))
    """
    place = fuzz.partial_ratio_alignment(wanted, held)
    if place is None or not wanted:
        return 0.0, ()
    # The window is as long as the quotation; what was left out of it lies a little further.
    slack = len(wanted)
    window = held[max(place.dest_start - slack, 0) : place.dest_end + slack]
    runs = [
        (one.src_start, one.src_end, one.dest_start, one.dest_end)
        for one in Indel.opcodes(window, wanted)
        if one.tag == "equal" and one.src_end - one.src_start >= SHORTEST_RUN
    ]
    if not runs:
        return 0.0, ()
    share = sum(end - start for start, end, *_ in runs) / len(wanted)
    differences, at, said = [], runs[0][0], 0
    for start, end, begin, stop in runs:
        if start > at or begin > said:
            differences.append(Difference(window[at:start][:SHOWN], wanted[said:begin][:SHOWN]))
        at, said = end, stop
    if said < len(wanted):
        differences.append(Difference("", wanted[said:][:SHOWN]))
    return share, tuple(differences)
