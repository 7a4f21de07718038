"""What an answer says beside its text: how a question was read, what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qa.faq import FaqMatch
from qa.labels import label_en
from qa.models import Answer, Language, Question
from qa.references import find_references
from qa.resolution import Target, last_article
from qa.served import Served, clauses_of
from qa.text import numeral_of


def as_asked(answer: Answer, question: Question, whole: Question) -> Answer:
    """Return an answer under the question as it was asked, with a note on how it was read."""
    if whole.text == question.text:
        return answer
    note = (
        f"按上文理解为：{whole.text}"
        if answer.language == "zh"
        else f"Understood from the conversation as: {whole.text}"
    )
    return replace(answer, question=question.text, notes=(note, *answer.notes))


def notes_of(served: Served, targets: Sequence[Target], language: Language) -> list[str]:
    """Return what to say of articles cited by number: a part that is not there, several rules."""
    notes = []
    for one in targets:
        if not one.has_all:
            count = len(one.clause.paragraphs)
            notes.append(
                f"{one.clause.label}没有所问的款或项：该条共{numeral_of(count)}款，现引全条。"
                if language == "zh"
                else f"{label_en(one.clause)} has no such paragraph or item: it has {count} "
                f"paragraph{'s' if count != 1 else ''}; the whole is quoted."
            )
    ids = dict.fromkeys(one.clause.document_id for one in targets)
    if len(ids) > 1 and len({one.clause.key for one in targets}) == 1:
        titles = [served.documents[one].title for one in ids]
        notes.append(
            "未指明文件；有此条的文件：" + "".join(f"《{title}》" for title in titles)
            if language == "zh"
            else "No document was named; these have it: " + ", ".join(f"《{t}》" for t in titles)
        )
    return notes


def missing_article(served: Served, question: Question, language: Language) -> str:
    """Return what to say where a question names an article that its document does not have."""
    references = find_references(question.text)
    if not references:
        return ""
    documents = [one for one in served.snapshot.documents if one.id in question.documents]
    named = served.retriever.names.find(question.text) or documents
    if len(named) != 1:
        return ""
    last = last_article(clauses_of(served, named[0].id))
    wanted = references[0].numbers[0]
    if not last or wanted <= last:
        return ""
    if language == "zh":
        return f"《{named[0].title}》没有第{numeral_of(wanted)}条：全文共{numeral_of(last)}条。"
    return f"There is no Article {wanted}: “{named[0].title_en or named[0].title}” has {last}."


def foreign_note(language: Language) -> str:
    """Return what to say where an article is asked for of a rule that is not in the corpus."""
    if language == "zh":
        return "所问条文的文件不在本库中，无法引用该条。"
    return "The rule whose article is asked for is not among these documents."


def approved_notes(match: FaqMatch, changed: Sequence[str], language: Language) -> list[str]:
    """Return what to say of an approved answer: for which question, when, and what has changed."""
    day, asked = match.entry.approved.isoformat(), match.question
    same = match.likeness >= 1
    if language == "zh":
        first = "已审定的答复" if same else f"相近问题“{asked}”的已审定答复"
        notes = [f"{first}（{day}）。"]
        notes += [f"审定后，所引{'、'.join(changed)}已变更，请复核此答复。"] if changed else []
        return notes
    first = "Approved answer" if same else f"Approved answer to the like question “{asked}”"
    notes = [f"{first} ({day})."]
    if changed:
        notes.append(f"Since then {', '.join(changed)} has changed; check this answer.")
    return notes
