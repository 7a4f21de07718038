"""The one door for every front end: opens an index, searches, answers."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from qa.answers import Judgement, cite, compose, select_hits
from qa.confidence import Calibration, features_of, judge, read_calibration
from qa.conversation import understand
from qa.cross_references import CrossReference, find_cross_references
from qa.document_names import names_of
from qa.encoder import Encoder, folder_of, open_encoder
from qa.endpoint import Endpoint, UnansweredError, check_endpoint
from qa.enrichment import load_translations
from qa.errors import (
    ClauseNotFoundError,
    QuestionError,
    QuestionTooLongError,
    SettingsError,
)
from qa.explaining import Explanation, explain_hits
from qa.faq import FILE as FAQ_FILE
from qa.faq import ApprovedCitation, Faq, digest_of, load_faq
from qa.generation import Checks, rewrite_question, write_prose
from qa.labels import label_en
from qa.lexicon import load_lexicon
from qa.models import Answer, Clause, Document, Hit, Language, Question, Status, Validity
from qa.notes import approved_notes, as_asked, foreign_note, missing_article, notes_of
from qa.pieces import Pieces
from qa.places import is_elsewhere
from qa.quantities import Quantity, asked_quantities
from qa.quotes import asks_for_list, choose_span
from qa.ranking import read_ranking
from qa.references import find_references
from qa.resolution import Target, span_of
from qa.retriever import EXACT_SCORE, Retriever
from qa.served import Served, clauses_of, document_of, id_of_name
from qa.settings import Settings
from qa.snapshots import Snapshot, current_id, read_snapshot
from qa.spelling import Speller
from qa.text import language_of, normalise, words
from qa.token_index import match_tokens
from qa.translations import translate_quote, translated_lines
from qa.validity import validity_of
from qa.verification import Verification, verify_text

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
TOKENS_MET = 1.0  # beside the cosine
QUANTITY_HELD = 0.2
VERIFIED_CHARS = 100_000  # of a text to verify
SAY_THE_SAME = 0.8  # cosine of two clauses of which the one in force comes first
ELSEWHERE = 0.3  # most confidence in an answer from a document about another place


class Engine:
    """An opened index with its encoder; safe to share between threads."""

    def __init__(self, settings: Settings, encoder: Encoder, snapshot: Snapshot) -> None:
        """Serve a snapshot; callers use `open`."""
        self._settings = settings
        self._encoder = encoder
        self._pieces = Pieces(encoder)
        self._speller = Speller(encoder.words())
        self._ranking = read_ranking(folder_of(settings.encoder))
        self._stamp = _stamp(settings)
        self._served = self._serve(snapshot)

    @classmethod
    def open(cls, settings: Settings) -> Engine:
        """Open the current snapshot.

        Raises EncoderError, IndexMissingError, IndexMismatchError or IndexDamagedError.
        """
        if uses_model(settings):
            check_endpoint(_endpoint(settings))
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
        """Load the current snapshot, or newly approved answers, if there are; return whether."""
        stamp = _stamp(self._settings)
        if current_id(self._settings.index) in ("", self.snapshot_id) and stamp == self._stamp:
            return False
        self._stamp = stamp
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
            as_asked(
                self._approved(served, whole) or self._answer(served, whole, hits), question, whole
            )
            for question, whole, hits in zip(questions, completed, found, strict=True)
        ]

    def cited(self, text: str) -> list[Target]:
        """Return what a text cites by number, in its order."""
        return self._served.retriever.cited(Question(text))

    def is_unchanged(self, citation: ApprovedCitation) -> bool:
        """Return whether the cited part of a clause reads as it did when it was approved."""
        return _is_unchanged(self._served, citation)

    def complete(self, question: Question) -> Question:
        """Return the question that a follow-up stands for; any other as it is."""
        if not question.history or self._settings.follow_ups == "off":
            return question
        most = self._settings.max_question_chars
        history = [one[:most] for one in question.history if one.strip()]
        if len(question.text) > most:
            return question
        text = ""
        if self._settings.follow_ups == "model" and history:
            text = self._rewritten(history, question.text)
        text = text or understand(history, question.text, _Earlier(self, self._served)).text
        return replace(question, text=text[:most], history=())

    def _rewritten(self, history: Sequence[str], question: str) -> str:
        """Return a follow-up as the model completes it, "" where it does not answer."""
        try:
            return rewrite_question(_endpoint(self._settings), history, question)
        except (UnansweredError, SettingsError, ValueError) as error:
            logger.warning("the language model did not complete a follow-up: %s", error)
            return ""

    def write(self, answer: Answer, as_of: date | None = None) -> Generator[str, None, Answer]:
        """Yield what the model of the settings writes and is verified; return the whole answer.

        Without TIAOWEN_GENERATION=on nothing is written. Reads from the network, so it may take
        TIAOWEN_LLM_SECONDS.
        """
        if self._settings.generation != "on" or answer.status != "answered":
            return answer
        shelf = _Shelf(self, self._served, as_of or date.today())
        checks = Checks(shelf, self.likeness)
        return (yield from write_prose(_endpoint(self._settings), answer, checks))

    def ask_and_write(self, question: Question) -> Answer:
        """Return the answer to one question with what `write` yields."""
        writing = self.write(self.ask(question), question.as_of)
        while True:
            try:
                next(writing)
            except StopIteration as end:
                answer: Answer = end.value
                return answer

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
        return document_of(self._served, document_id)

    def find_document(self, name: str) -> str:
        """Return the id of the document with this id or name, "" where none or several have it."""
        bare = name.strip().strip("《》")
        if bare in self._served.documents:
            return bare
        return id_of_name(self._served, bare)

    def clauses(self, document_id: str) -> tuple[Clause, ...]:
        """Return a document's clauses in order; raises DocumentNotFoundError."""
        return clauses_of(self._served, document_id)

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

    def _crossing(self, served: Served, document_id: str) -> dict[str, list[CrossReference]]:
        """Return what each clause of a document refers to, found once for each snapshot."""
        if document_id not in served.crossing:
            named = functools.partial(id_of_name, served)
            of_document = functools.cache(functools.partial(clauses_of, served))
            served.crossing[document_id] = {
                clause.id: found
                for clause in of_document(document_id)
                if (found := find_cross_references(clause, named, of_document))
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

    def _serve(self, snapshot: Snapshot) -> Served:
        return Served(
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
            Faq(load_faq(self._settings.corpus), self._encoder),
        )

    def _search(self, served: Served, questions: Sequence[Question]) -> list[list[Hit]]:
        for question in questions:
            _check(question, self._settings)
            for document_id in question.documents:
                document_of(served, document_id)
        return [
            self._current_first(served, question, hits)
            for question, hits in zip(questions, served.retriever.retrieve(questions), strict=True)
        ]

    def _current_first(self, served: Served, question: Question, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits with each rule not in force behind the first that is and says the same."""
        day = question.as_of or date.today()
        in_force = [
            self.validity(served.documents[hit.clause.document_id], day) in ("in_force", "unknown")
            for hit in hits
        ]
        found = list(hits)
        if all(in_force) or not any(in_force) or (hits and hits[0].score >= EXACT_SCORE):
            return found
        vectors = self._pieces.vectors([hit.clause.text for hit in hits])
        alike = vectors @ vectors.T >= SAY_THE_SAME
        for n, hit in enumerate(hits):
            others = np.flatnonzero(alike[n] & in_force) if not in_force[n] else np.zeros(0, int)
            better = [hits[one] for one in others.tolist() if one > n]
            if better:
                found.remove(hit)
                found.insert(found.index(better[0]) + 1, hit)
        return [replace(hit, rank=rank) for rank, hit in enumerate(found, 1)]

    def _approved(self, served: Served, question: Question) -> Answer | None:
        """Return the approved answer to a question, None where none has been approved."""
        match = next(iter(served.faq.match(question.text)), None)
        if match is None:
            return None
        language = language_of(question.text) if question.language == "auto" else question.language
        day = question.as_of or date.today()
        citations, changed = [], []
        for number, one in enumerate(match.entry.citations, 1):
            document_id = one.clause_id.partition("#")[0]
            row = served.snapshot.clauses.row_of(one.clause_id)
            allowed = not question.documents or document_id in question.documents
            if row is None or not allowed:
                changed += [one.clause_id] if row is None else []
                continue
            clause = served.snapshot.clauses[row]
            document = served.documents[document_id]
            translation = served.translations.get(clause.id, "")
            has_part = _has_part(clause, one)
            span = span_of(clause, *((one.paragraph, one.item) if has_part else (0, "")))
            hit = Hit(clause, EXACT_SCORE, number, one.paragraph, one.item if has_part else "")
            citation = cite(
                hit,
                document,
                span,
                translation=translation,
                quote_translation=self._translate(document, clause, span, translation),
                day=day,
            )
            citations.append(citation)
            if not _is_unchanged(served, one):
                changed.append(f"《{document.title}》{citation.label}")
        if not citations and (question.documents or not changed):
            return None
        status: Status = "closest" if changed and citations else "answered"
        judgement = Judgement(status if citations else "no_basis", match.likeness)
        notes = approved_notes(match, changed, language)
        text = match.entry.answer_en if language == "en" else match.entry.answer
        return compose(
            question, language, judgement, citations, notes, approved=text or match.entry.answer
        )

    def _answer(self, served: Served, question: Question, hits: Sequence[Hit]) -> Answer:
        language = language_of(question.text) if question.language == "auto" else question.language
        missing = missing_article(served, question, language)
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
            notes = notes_of(served, served.retriever.cited(question), language)
        else:
            judgement = judge(
                features_of(text, hits, citations[0].quote), language_of(text), served.calibration
            )
            best = served.documents[hits[0].clause.document_id]
            if judgement.status == "answered" and is_elsewhere(question.text, best.text):
                judgement = Judgement("closest", min(judgement.confidence, ELSEWHERE))
            if served.retriever.is_foreign(question):
                judgement = Judgement("closest", min(judgement.confidence, ELSEWHERE))
                notes = [foreign_note(language)]
        return compose(question, language, judgement, citations, notes)

    def likeness(self, text: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine of each other text with one."""
        vectors = self._encoder.encode_questions([normalise(one) for one in (text, *others)])
        likeness: NDArray[np.float32] = vectors[1:] @ vectors[0]
        return likeness

    def explain(self, question: Question) -> Explanation:
        """Return how a question is read and why its hits rank as they do."""
        served = self._served
        whole = self.complete(question)
        hits = self._search(served, [whole])[0]
        answer = self._answer(served, whole, hits)
        text = served.retriever.prepare(whole.text)
        language = language_of(text)
        return Explanation(
            question=question.text,
            text=text,
            language=language,
            concepts=served.retriever.concepts(text),
            named=tuple(one.title for one in served.retriever.names.find(whole.text)),
            status=answer.status,
            confidence=answer.confidence,
            hits=explain_hits(hits, self._ranking[language]),
        )

    def features(self, question: Question, hits: Sequence[Hit]) -> tuple[float, ...]:
        """Return what the confidence in the answer to a question is made of (FEATURES)."""
        served = self._served
        text = served.retriever.prepare(question.text)
        start, end = self._chooser(served, text, language_of(text))(hits[0])
        quote = served.documents[hits[0].clause.document_id].text[start:end]
        return features_of(text, hits, quote)

    def _chooser(
        self, served: Served, text: str, language: Language
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
        (vector,) = self._pieces.vectors([document.text[slice(*span)]])
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
        pieces = self._pieces.read(texts)
        rated: Floats = np.stack([one.vector for one in pieces]) @ vector
        tokens_of = [one.tokens for one in pieces]
        rated += TOKENS_MET * match_tokens(tokens, tokens_of, self._encoder.token_vectors)
        if asked:
            rated += QUANTITY_HELD * np.array([bool(one.quantities & asked) for one in pieces])
        return rated

    def _alike(self, vector: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine of each text with a question."""
        alike: NDArray[np.float32] = self._pieces.vectors(texts) @ vector
        return alike


def _stamp(settings: Settings) -> float:
    """Return when the approved answers were last written, 0 where there are none."""
    try:
        return (settings.corpus / FAQ_FILE).stat().st_mtime
    except OSError:
        return 0.0


def _has_part(clause: Clause, citation: ApprovedCitation) -> bool:
    """Return whether a clause still has the paragraph and the item that were cited."""
    if citation.paragraph > len(clause.paragraphs):
        return False
    if not citation.item:
        return True
    items = clause.paragraphs[citation.paragraph - 1].items
    return any(one.label == citation.item for one in items)


def _is_unchanged(served: Served, citation: ApprovedCitation) -> bool:
    row = served.snapshot.clauses.row_of(citation.clause_id)
    if row is None or not _has_part(served.snapshot.clauses[row], citation):
        return False
    clause = served.snapshot.clauses[row]
    return digest_of(clause, citation.paragraph, citation.item) == citation.digest


def uses_model(settings: Settings) -> bool:
    """Return whether a language model is asked: for prose, or to complete follow-ups."""
    return settings.generation == "on" or settings.follow_ups == "model"


def _endpoint(settings: Settings) -> Endpoint:
    return Endpoint(
        settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_seconds, pauses=()
    )


class _Earlier:
    """What completing a follow-up asks of one snapshot."""

    def __init__(self, engine: Engine, served: Served) -> None:
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

    def __init__(self, engine: Engine, served: Served, day: date) -> None:
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
        return document_of(self._served, document_id)

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
