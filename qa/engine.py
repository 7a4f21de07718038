"""The one door for every front end: opens an index, searches, answers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from qa.answers import Judgement, cite, compose, select_hits
from qa.confidence import Calibration, features_of, judge, read_calibration
from qa.conversation import understand
from qa.cross_references import CrossReference, find_cross_references
from qa.document_names import names_of
from qa.encoder import Encoder, folder_of, open_encoder
from qa.enrichment import load_translations
from qa.errors import (
    ClauseNotFoundError,
    DocumentNotFoundError,
    QuestionError,
    QuestionTooLongError,
)
from qa.labels import label_en
from qa.lexicon import load_lexicon
from qa.models import Answer, Clause, Document, Hit, Language, Question, Validity
from qa.places import is_elsewhere
from qa.quantities import Quantity, asked_quantities, held_quantities
from qa.quotes import asks_for_list, choose_span
from qa.ranking import read_ranking
from qa.references import find_references
from qa.resolution import Target, last_article, span_of
from qa.retriever import EXACT_SCORE, Retriever
from qa.settings import Settings
from qa.snapshots import Snapshot, current_id, read_snapshot
from qa.spelling import Speller
from qa.text import language_of, normalise, numeral_of, words
from qa.token_index import match_tokens
from qa.translations import translate_quote, translated_lines
from qa.validity import validity_of
from qa.verification import Verification, letters_of, verify_text

Floats = NDArray[np.float32]
TOKENS_MET = 1.0  # beside the cosine
QUANTITY_HELD = 0.2
VERIFIED_CHARS = 100_000  # of a text to verify
SAY_THE_SAME = 0.8  # cosine of two clauses of which the one in force comes first
ELSEWHERE = 0.3  # most confidence in an answer from a document about another place


@dataclass(frozen=True)  # no slots: `letters` is kept once it is made
class _Served:
    """One snapshot being served, and what is looked up in it; replaced whole by a refresh."""

    snapshot: Snapshot
    retriever: Retriever
    documents: Mapping[str, Document]
    positions: Mapping[str, int]
    translations: Mapping[str, str]
    calibration: Calibration
    crossing: dict[str, dict[str, list[CrossReference]]] = field(default_factory=dict)

    @functools.cached_property
    def letters(self) -> tuple[str, ...]:
        """Return the letters of each clause and of its translation, made when first asked for."""
        return tuple(
            f"{letters_of(clause.text)} {letters_of(self.translations.get(clause.id, ''))}"
            for clause in self.snapshot.clauses
        )


class Engine:
    """An opened index with its encoder; safe to share between threads."""

    def __init__(self, settings: Settings, encoder: Encoder, snapshot: Snapshot) -> None:
        """Serve a snapshot; callers use `open`."""
        self._settings = settings
        self._encoder = encoder
        self._speller = Speller(encoder.words())
        self._ranking = read_ranking(folder_of(settings.encoder))
        self._served = self._serve(snapshot)

    @classmethod
    def open(cls, settings: Settings) -> Engine:
        """Open the current snapshot.

        Raises EncoderError, IndexMissingError, IndexMismatchError or IndexDamagedError.
        """
        encoder = open_encoder(settings.encoder)
        return cls(settings, encoder, read_snapshot(settings.index, encoder.fingerprint))

    @property
    def settings(self) -> Settings:
        """Return the settings that the engine was opened with."""
        return self._settings

    @property
    def snapshot_id(self) -> str:
        """Return the name of the snapshot that is being served."""
        return self._served.snapshot.id

    def refresh(self) -> bool:
        """Load the current snapshot if the pointer has moved; return whether it did."""
        if current_id(self._settings.index) in ("", self.snapshot_id):
            return False
        self._served = self._serve(read_snapshot(self._settings.index, self._encoder.fingerprint))
        return True

    def search_many(self, questions: Sequence[Question]) -> list[list[Hit]]:
        """Return the hits of each question, best first; raises QuestionError and children."""
        return self._search(self._served, [self.complete(one) for one in questions])

    def ask_many(self, questions: Sequence[Question]) -> list[Answer]:
        """Return one answer for each question; raises QuestionError and children."""
        served = self._served
        completed = [self.complete(question) for question in questions]
        found = self._search(served, completed)
        return [
            _as_asked(self._answer(served, whole, hits), question, whole)
            for question, whole, hits in zip(questions, completed, found, strict=True)
        ]

    def complete(self, question: Question) -> Question:
        """Return the question that a follow-up stands for; any other as it is."""
        if not question.history or self._settings.follow_ups == "off":
            return question
        most = self._settings.max_question_chars
        history = [one[:most] for one in question.history if one.strip()]
        if len(question.text) > most:
            return question
        understood = understand(history, question.text, _Earlier(self, self._served))
        return replace(question, text=understood.text[:most], history=())

    def search(self, question: Question) -> list[Hit]:
        """Return the hits of one question."""
        return self.search_many([question])[0]

    def ask(self, question: Question) -> Answer:
        """Return the answer to one question."""
        return self.ask_many([question])[0]

    def verify(self, text: str, as_of: date | None = None) -> Verification:
        """Return what of a text that cites the documents is so; raises QuestionError and children.

        A text may be VERIFIED_CHARS long.
        """
        if not text.strip():
            raise QuestionError("the text is empty; send one that cites the documents")
        if len(text) > VERIFIED_CHARS:
            raise QuestionTooLongError(
                f"the text has {len(text)} characters, more than {VERIFIED_CHARS}; send it in parts"
            )
        return verify_text(text, _Shelf(self, self._served, as_of or date.today()))

    def documents(self) -> tuple[Document, ...]:
        """Return every document, in the order of the catalog."""
        return self._served.snapshot.documents

    def document(self, document_id: str) -> Document:
        """Return a document; raises DocumentNotFoundError."""
        return _document(self._served, document_id)

    def clauses(self, document_id: str) -> tuple[Clause, ...]:
        """Return a document's clauses in order; raises DocumentNotFoundError."""
        return _clauses(self._served, document_id)

    def clause(self, clause_id: str) -> Clause:
        """Return a clause; raises ClauseNotFoundError."""
        served = self._served
        row = served.snapshot.clauses.row_of(clause_id)
        if row is None:
            document_id = clause_id.partition("#")[0]
            cure = (
                f"`/v1/documents/{document_id}/clauses` lists them"
                if document_id in served.documents
                else "`/v1/documents` lists the documents"
            )
            raise ClauseNotFoundError(f"there is no clause {clause_id[:120]!r}; {cure}")
        return served.snapshot.clauses[row]

    def cross_references(self, clause_id: str) -> list[CrossReference]:
        """Return what a clause refers to; raises ClauseNotFoundError."""
        clause = self.clause(clause_id)
        return self._crossing(self._served, clause.document_id).get(clause_id, [])

    def cited_by(self, clause_id: str) -> list[str]:
        """Return the ids of the clauses that refer to a clause; raises ClauseNotFoundError."""
        served, own = self._served, self.clause(clause_id).document_id
        names = [name for name in names_of(served.documents[own]) if len(name) > 3]
        others = [
            one.id
            for one in served.documents.values()
            if one.id == own or any(name in one.text for name in names)
        ]
        return [
            citing
            for document_id in others
            for citing, found in self._crossing(served, document_id).items()
            if citing != clause_id and any(one.clause_id == clause_id for one in found)
        ]

    def _crossing(self, served: _Served, document_id: str) -> dict[str, list[CrossReference]]:
        """Return what each clause of a document refers to, found once for each snapshot."""
        if document_id not in served.crossing:
            named = functools.partial(_id_of_name, served)
            clauses_of = functools.cache(functools.partial(_clauses, served))
            served.crossing[document_id] = {
                clause.id: found
                for clause in clauses_of(document_id)
                if (found := find_cross_references(clause, named, clauses_of))
            }
        return served.crossing[document_id]

    def translation(self, clause_id: str) -> str:
        """Return the reference translation of a clause, "" where there is none."""
        return self._served.translations.get(clause_id, "")

    def label_en(self, clause: Clause) -> str:
        """Return the English label of a clause."""
        return label_en(clause)

    @property
    def calibration(self) -> Calibration:
        """Return what confidence and statuses are made by."""
        return self._served.calibration

    def validity(self, document: Document, as_of: date | None = None) -> Validity:
        """Return whether a document is in force, today or as of a day."""
        return validity_of(document, as_of or date.today())

    def _serve(self, snapshot: Snapshot) -> _Served:
        return _Served(
            snapshot,
            Retriever(
                snapshot,
                self._encoder,
                self._ranking,
                load_lexicon(self._settings.corpus),
                self._speller,
            ),
            {document.id: document for document in snapshot.documents},
            {document.id: position for position, document in enumerate(snapshot.documents)},
            load_translations(self._settings.corpus),
            read_calibration(folder_of(self._settings.encoder), self._settings.corpus),
        )

    def _search(self, served: _Served, questions: Sequence[Question]) -> list[list[Hit]]:
        for question in questions:
            _check(question, self._settings)
            for document_id in question.documents:
                _document(served, document_id)
        return [
            self._current_first(served, question, hits)
            for question, hits in zip(questions, served.retriever.retrieve(questions), strict=True)
        ]

    def _current_first(self, served: _Served, question: Question, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits with each rule not in force behind the first that is and says the same."""
        day = question.as_of or date.today()
        in_force = [
            self.validity(served.documents[hit.clause.document_id], day) in ("in_force", "unknown")
            for hit in hits
        ]
        found = list(hits)
        if all(in_force) or not any(in_force) or (hits and hits[0].score >= EXACT_SCORE):
            return found
        vectors = self._encoder.encode_clauses([normalise(hit.clause.text) for hit in hits])
        alike = vectors @ vectors.T >= SAY_THE_SAME
        for n, hit in enumerate(hits):
            others = np.flatnonzero(alike[n] & in_force) if not in_force[n] else np.zeros(0, int)
            better = [hits[one] for one in others.tolist() if one > n]
            if better:
                found.remove(hit)
                found.insert(found.index(better[0]) + 1, hit)
        return [replace(hit, rank=rank) for rank, hit in enumerate(found, 1)]

    def _answer(self, served: _Served, question: Question, hits: Sequence[Hit]) -> Answer:
        language = language_of(question.text) if question.language == "auto" else question.language
        missing = _missing_article(served, question, language)
        if missing:
            return compose(question, language, Judgement("no_basis", 0.0), [], [missing])
        text = served.retriever.prepare(question.text)
        if not find_references(question.text) and not any(map(_has_letter, words([text])[0])):
            return compose(question, language, Judgement("no_basis", 0.0), [], [])
        day = question.as_of or date.today()
        choose = self._chooser(served, text, language)
        citations = []
        for hit in select_hits(hits):
            document = served.documents[hit.clause.document_id]
            translation = served.translations.get(hit.clause.id, "")
            span = choose(hit)
            quoted = self._translate(document, hit.clause, span, translation)
            citations.append(
                cite(
                    hit,
                    document,
                    span,
                    translation=translation,
                    quote_translation=quoted,
                    day=day,
                )
            )
        if not citations:
            return compose(question, language, Judgement("no_basis", 0.0), [], [])
        notes: list[str] = []
        if hits[0].score >= EXACT_SCORE:
            judgement = Judgement("answered", 1.0)
            notes = _notes_of(served, served.retriever.cited(question), language)
        else:
            judgement = judge(
                features_of(text, hits, citations[0].quote), language_of(text), served.calibration
            )
            best = served.documents[hits[0].clause.document_id]
            if judgement.status == "answered" and is_elsewhere(question.text, best.text):
                judgement = Judgement("closest", min(judgement.confidence, ELSEWHERE))
        return compose(question, language, judgement, citations, notes)

    def likeness(self, text: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine of each other text with one."""
        vectors = self._encoder.encode_questions([normalise(one) for one in (text, *others)])
        likeness: NDArray[np.float32] = vectors[1:] @ vectors[0]
        return likeness

    def features(self, question: Question, hits: Sequence[Hit]) -> tuple[float, ...]:
        """Return what the confidence in the answer to a question is made of (FEATURES)."""
        served = self._served
        text = served.retriever.prepare(question.text)
        start, end = self._chooser(served, text, language_of(text))(hits[0])
        quote = served.documents[hits[0].clause.document_id].text[start:end]
        return features_of(text, hits, quote)

    def _chooser(
        self, served: _Served, text: str, language: Language
    ) -> Callable[[Hit], tuple[int, int]]:
        """Return what chooses the span to quote of a hit."""
        rate = functools.partial(self._rate, *self._asked(text), asked_quantities(text))
        whole_list = asks_for_list(text)

        def choose(hit: Hit) -> tuple[int, int]:
            if hit.score >= EXACT_SCORE:
                return span_of(hit.clause, hit.paragraph, hit.item)
            translation = served.translations.get(hit.clause.id, "")
            lines = translated_lines(hit.clause, translation) if language == "en" else []
            rated = rate(lines).tolist() if lines else ()
            chosen = choose_span(hit.clause, rate, whole_list=whole_list, lines=rated)
            return chosen.start, chosen.end

        return choose

    def _translate(
        self, document: Document, clause: Clause, span: tuple[int, int], translation: str
    ) -> str:
        """Return the part of a clause's translation that renders a quote."""
        if not translation:
            return ""
        (vector,) = self._encoder.encode_clauses([normalise(document.text[slice(*span)])])
        score = functools.partial(self._alike, vector)
        return translate_quote(clause, span, translation, score)

    def _asked(self, text: str) -> tuple[Floats, Floats]:
        """Return the vector of a question, and the rows of its tokens."""
        (vector,), (ids,) = self._encoder.questions_and_tokens([text])
        return vector, self._encoder.token_vectors(ids)

    def _rate(
        self, vector: Floats, tokens: Floats, asked: Quantity, texts: Sequence[str]
    ) -> Floats:
        """Return how well texts answer: cosine, tokens met, and a quantity that is asked for."""
        plain = [normalise(text) for text in texts]
        vectors, ids = self._encoder.clauses_and_tokens(plain)
        rated: Floats = vectors @ vector
        rated += TOKENS_MET * match_tokens(tokens, ids, self._encoder.token_vectors)
        if asked:
            rated += QUANTITY_HELD * np.array([bool(held_quantities(one) & asked) for one in plain])
        return rated

    def _alike(self, vector: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine of each text with a question."""
        alike: NDArray[np.float32] = (
            self._encoder.encode_clauses([normalise(text) for text in texts]) @ vector
        )
        return alike


class _Earlier:
    """What completing a follow-up asks of one snapshot."""

    def __init__(self, engine: Engine, served: _Served) -> None:
        self._engine, self._served = engine, served

    def likeness(self, text: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine of each other text with one."""
        return self._engine.likeness(text, others)

    def names(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of a text that name documents, with the marks 《》 around them."""
        return [
            (start - text[:start].endswith("《"), end + text[end:].startswith("》"))
            for start, end, _ in self._served.retriever.names.find_at(text)
        ]

    def confidence(self, question: str) -> float:
        """Return the confidence in the answer to a question."""
        return self._engine.ask(Question(question)).confidence

    def article(self, question: str) -> str:
        """Return document and article of the first citation of an answer, "" without one."""
        answer = self._engine.ask(Question(question))
        if answer.status != "answered":
            return ""
        citation = answer.citations[0]
        return f"《{citation.title}》{self._engine.clause(citation.clause_id).label}"


class _Shelf:
    """What a verification asks of one snapshot."""

    def __init__(self, engine: Engine, served: _Served, day: date) -> None:
        self._engine, self._served, self._day = engine, served, day

    def cited(self, text: str) -> list[Target]:
        """Return what a text cites by number; of no named document, only where there is one."""
        if not self.named(text) and len(self._served.documents) > 1:
            return []
        return self._served.retriever.cited(Question(text))

    def named(self, text: str) -> list[Document]:
        """Return the documents that a text names, each once, in its order."""
        some = [one for *_, found in self._served.retriever.names.find_at(text) for one in found]
        return list({one.id: one for one in some}.values())

    def search(self, question: Question) -> list[Hit]:
        """Return the clauses nearest to a text."""
        return self._engine.search(question)

    def document(self, document_id: str) -> Document:
        """Return a document."""
        return _document(self._served, document_id)

    def holding(self, letters: str) -> list[Clause]:
        """Return the clauses that hold a run of letters, in their text or translation."""
        clauses = self._served.snapshot.clauses
        return [clauses[row] for row, own in enumerate(self._served.letters) if letters in own]

    def translation(self, clause_id: str) -> str:
        """Return the reference translation of a clause."""
        return self._served.translations.get(clause_id, "")

    def status_of(self, document: Document) -> Validity:
        """Return whether a document is in force on the day that counts."""
        return validity_of(document, self._day)


def _as_asked(answer: Answer, question: Question, whole: Question) -> Answer:
    """Return an answer under the question as it was asked, with a note on how it was read."""
    if whole.text == question.text:
        return answer
    note = (
        f"按上文理解为：{whole.text}"
        if answer.language == "zh"
        else f"Understood from the conversation as: {whole.text}"
    )
    return replace(answer, question=question.text, notes=(note, *answer.notes))


def _has_letter(word: str) -> bool:
    return any(map(str.isalpha, word))


def _check(question: Question, settings: Settings) -> None:
    if not question.text.strip():
        raise QuestionError("the question is empty; write one, in Chinese or English")
    if len(question.text) > settings.max_question_chars:
        raise QuestionTooLongError(
            f"the question has {len(question.text)} characters, more than "
            f"{settings.max_question_chars}; shorten it, or raise TIAOWEN_MAX_QUESTION_CHARS"
        )


def _document(served: _Served, document_id: str) -> Document:
    if document_id not in served.documents:
        known = ", ".join(list(served.documents)[:20])
        raise DocumentNotFoundError(
            f"there is no document {document_id[:120]!r}; the ids are: {known or 'none yet'}"
        )
    return served.documents[document_id]


def _clauses(served: _Served, document_id: str) -> tuple[Clause, ...]:
    _document(served, document_id)
    return tuple(served.snapshot.clauses_of(served.positions[document_id]))


def _notes_of(served: _Served, targets: Sequence[Target], language: Language) -> list[str]:
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


def _id_of_name(served: _Served, name: str) -> str:
    """Return the id of the document with exactly this name, "" where none or several have it."""
    places = [some for start, _, some in served.retriever.names.find_at(name) if start == 0]
    whole = [one for some in places for one in some if normalise(name) in names_of(one)]
    return whole[0].id if len(whole) == 1 else ""


def _missing_article(served: _Served, question: Question, language: Language) -> str:
    """Return what to say where a question names an article that its document does not have."""
    references = find_references(question.text)
    if not references:
        return ""
    documents = [one for one in served.snapshot.documents if one.id in question.documents]
    named = served.retriever.names.find(question.text) or documents
    if len(named) != 1:
        return ""
    last = last_article(_clauses(served, named[0].id))
    wanted = references[0].numbers[0]
    if not last or wanted <= last:
        return ""
    if language == "zh":
        return f"《{named[0].title}》没有第{numeral_of(wanted)}条：全文共{numeral_of(last)}条。"
    return f"There is no Article {wanted}: “{named[0].title_en or named[0].title}” has {last}."
