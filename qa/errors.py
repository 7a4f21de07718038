"""Every error a user can meet: each says what, where and the cure; one table maps them all."""

from __future__ import annotations


class QAError(Exception):
    """The root: anything a user can mend."""


class SettingsError(QAError):
    """A setting has a value that cannot be used."""


class CorpusError(QAError):
    """A document or the catalog cannot be read; the message begins with file or file:line."""


class DocumentNotFoundError(QAError):
    """No document has this id."""


class ClauseNotFoundError(QAError):
    """No clause has this id."""


class EncoderError(QAError):
    """The encoder cannot be loaded."""


class IndexMissingError(QAError):
    """No index has been built yet."""


class IndexMismatchError(QAError):
    """The index was built by another encoder or format than the settings ask for."""


class IndexDamagedError(QAError):
    """A file of the index is missing or is not what its manifest says."""


class IndexBusyError(QAError):
    """Another process is building the index."""


class QuestionError(QAError):
    """A question is empty."""


class QuestionTooLongError(QuestionError):
    """A question is longer than the limit."""


class WorkbookError(QAError):
    """A workbook or table of questions cannot be read or written."""


class JobNotFoundError(QAError):
    """No batch has this id."""


class JobUnfinishedError(QAError):
    """A batch has no result yet, or has failed."""


class TooManyJobsError(QAError):
    """More workbooks are waiting than are taken."""


class UploadTooLargeError(QAError):
    """What was sent is larger than the limit."""


class ChannelNotFoundError(QAError):
    """There is no chat channel of this name, or it has not been set up."""


class SignatureError(QAError):
    """A request to a chat channel does not prove that its platform has sent it."""


class MessageError(QAError):
    """A request to a chat channel has another form than its platform sends."""


class DeliveryError(QAError):
    """A chat platform cannot be reached, or does not take an answer; `status` is its HTTP one."""

    status: int = 0


# code in the JSON error, HTTP status, exit code. The first class that matches counts, so that a
# child stands before its parent.
ERROR_TABLE: tuple[tuple[type[QAError], str, int, int], ...] = (
    (QuestionTooLongError, "question_too_long", 422, 2),
    (QuestionError, "question_empty", 422, 2),
    (DocumentNotFoundError, "document_not_found", 404, 2),
    (ClauseNotFoundError, "clause_not_found", 404, 2),
    (WorkbookError, "workbook_unreadable", 422, 2),
    (JobNotFoundError, "batch_not_found", 404, 2),
    (JobUnfinishedError, "batch_unfinished", 409, 2),
    (TooManyJobsError, "too_many_batches", 429, 2),
    (UploadTooLargeError, "upload_too_large", 413, 2),
    (IndexMissingError, "index_missing", 503, 2),
    (IndexMismatchError, "index_mismatch", 503, 2),
    (IndexDamagedError, "index_damaged", 503, 2),
    (IndexBusyError, "index_busy", 503, 2),
    (CorpusError, "corpus_unreadable", 422, 2),
    (EncoderError, "encoder_unavailable", 503, 2),
    (ChannelNotFoundError, "channel_not_found", 404, 2),
    (SignatureError, "signature_invalid", 401, 2),
    (MessageError, "message_unreadable", 400, 2),
    (DeliveryError, "delivery_failed", 502, 2),
    (SettingsError, "settings_invalid", 422, 2),
    (QAError, "error", 400, 2),
)


def code_of(error: QAError) -> tuple[str, int, int]:
    """Return (code, HTTP status, exit code) of an error."""
    for kind, code, status, exit_code in ERROR_TABLE:
        if isinstance(error, kind):
            return code, status, exit_code
    raise TypeError(f"{type(error).__name__} is not in ERROR_TABLE")
