"""Whether a document applies on a day."""

from __future__ import annotations

from datetime import date

from qa.models import Document, Validity


def validity_of(document: Document, day: date) -> Validity:
    """Return whether a document is in force on a day; unknown where it gives no dates.

    A document is in force on the day it takes effect and on the day it expires.
    """
    if document.repealed is not None and document.repealed <= day:
        return "repealed"
    if document.expires is not None and document.expires < day:
        return "expired"
    if document.effective is not None:
        return "in_force" if document.effective <= day else "not_yet_effective"
    return "unknown"
