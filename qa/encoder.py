"""Text to vectors: the packaged static encoder, or any sentence-transformers model."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qa.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Encoding

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "static_encoder"
STATIC_MODULE = "0_StaticEmbedding"
INSTALL_EMBEDDED = "reinstall tiaowen, or point TIAOWEN_ENCODER at another model"
INSTALL_TRANSFORMERS = "pip install 'tiaowen[transformers]'"
CHUNK = 256
TOKENS_AT_ONCE = 32_768
LONGEST_PART = 3  # letters; longer tokens of the table are whole words, with few exceptions


VectorsAndTokens = tuple[NDArray[np.float32], list[NDArray[np.int32]]]


class Encoder(Protocol):
    """What turns texts into vectors; `fingerprint` changes whenever its vectors could."""

    name: str
    fingerprint: str
    dimensions: int

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) rows of unit length, zero where no token is known."""

    def encode_clauses(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) rows of unit length, zero where no token is known."""

    def words(self) -> list[str]:
        """Return the words that the model knows whole; none where it does not say."""

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the known tokens of each text; none where the model has no token table."""

    def questions_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return what `encode_questions` and `token_ids` give, each text read once."""

    def clauses_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return what `encode_clauses` and `token_ids` give, each text read once."""

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return (n, dimensions) rows of the token table; a row's length is its weight."""


def open_encoder(setting: str) -> Encoder:
    """Return the packaged encoder for "embedded", else a sentence-transformers model by name.

    A folder that holds a static model is read without sentence-transformers too.
    """
    folder = folder_of(setting)
    if setting == EMBEDDED or (folder / STATIC_MODULE).is_dir():
        return StaticEncoder(folder, name=setting)
    return TransformersEncoder(setting)


def folder_of(setting: str) -> Path:
    """Return the folder of an encoder, where a model's name may turn out to be one or not."""
    return EMBEDDED_FOLDER if setting == EMBEDDED else Path(setting)


class StaticEncoder:
    """A table of token vectors: a text is the unit sum of its tokens' rows. Needs no torch."""

    def __init__(self, folder: Path, name: str = "") -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        digest = _digest(folder / STATIC_MODULE / "model.safetensors")
        tokens = _read(folder / STATIC_MODULE / "tokenizer.json")
        digest.update(tokens)
        try:
            arrays = load_file(folder / STATIC_MODULE / "model.safetensors")
        except SafetensorError as error:
            raise _damaged(folder / STATIC_MODULE / "model.safetensors", str(error)) from error
        try:
            self._tokenizer = Tokenizer.from_buffer(tokens)
        except ValueError as error:
            raise _damaged(folder / STATIC_MODULE / "tokenizer.json", str(error)) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._rows, self._factors = _table(folder / STATIC_MODULE / "model.safetensors", arrays)
        if len(self._rows) != self._tokenizer.get_vocab_size():
            raise _damaged(
                folder / STATIC_MODULE,
                f"{len(self._rows)} rows for {self._tokenizer.get_vocab_size()} tokens",
            )
        self.name = name or str(folder)
        self.dimensions = int(self._rows.shape[1])
        self.fingerprint = digest.hexdigest()[:16]

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each question; questions and clauses share one table."""
        return self.encode_clauses(texts)

    def encode_clauses(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each clause; questions and clauses share one table."""
        found = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), CHUNK):
            encodings = self._encode(texts[start : start + CHUNK])
            self._sum(encodings, found[start : start + CHUNK])
        return found

    def words(self) -> list[str]:
        """Return the tokens of the table; the shortest may be parts of words."""
        return [token for token in self._tokenizer.get_vocab() if len(token) > LONGEST_PART]

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the rows of each text's known tokens, in order."""
        found: list[NDArray[np.int32]] = []
        for start in range(0, len(texts), CHUNK):
            found += map(_known, self._encode(texts[start : start + CHUNK]))
        return found

    def questions_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return a unit row and the known tokens of each question."""
        return self.clauses_and_tokens(texts)

    def clauses_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return a unit row and the known tokens of each clause."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        tokens: list[NDArray[np.int32]] = []
        for start in range(0, len(texts), CHUNK):
            encodings = self._encode(texts[start : start + CHUNK])
            self._sum(encodings, vectors[start : start + CHUNK])
            tokens += map(_known, encodings)
        return vectors, tokens

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the rows of tokens; a row's length is the token's weight."""
        return self._gather(ids.astype(np.int64))

    def _encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenise; half a surrogate pair, which the tokenizer refuses, becomes a question mark."""
        sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        if len(sound) == 1:
            return [self._tokenizer.encode(sound[0], add_special_tokens=False)]
        encodings: list[Encoding] = self._tokenizer.encode_batch_fast(
            sound, add_special_tokens=False
        )
        return encodings

    def _sum(self, encodings: Sequence[Encoding], found: NDArray[np.float32]) -> None:
        """Fill the rows of `found`; the tokens gathered at once are bounded."""
        first, waiting = 0, 0
        for last, encoding in enumerate(encodings, 1):
            waiting += len(encoding.ids)
            if waiting >= TOKENS_AT_ONCE or last == len(encodings):
                self._sum_some(encodings[first:last], found[first:last])
                first, waiting = last, 0

    def _sum_some(self, encodings: Sequence[Encoding], found: NDArray[np.float32]) -> None:
        sizes = np.array([len(encoding.ids) for encoding in encodings])
        if not sizes.any():
            return
        ids = np.fromiter((n for one in encodings for n in one.ids), np.int64, int(sizes.sum()))
        starts = (np.cumsum(sizes) - sizes)[sizes > 0]
        sums = np.add.reduceat(self._gather(ids), starts, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        found[sizes > 0] = sums / np.maximum(lengths, np.float32(1e-12))

    def _gather(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = self._rows[ids].astype(np.float32)
        if self._factors is not None:
            rows *= self._factors[ids, None]
        return rows


class TransformersEncoder:
    """Any sentence-transformers model, by name or folder; questions use its query prompt."""

    def __init__(self, model: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise EncoderError(
                f"encoder {model}: sentence-transformers is not installed; {INSTALL_TRANSFORMERS}"
            )
        from sentence_transformers import SentenceTransformer

        try:
            self._model: Any = SentenceTransformer(model, device="cpu")
        except (OSError, ValueError) as error:
            raise EncoderError(
                f"encoder {model}: cannot be loaded ({error}); give a folder that holds a "
                f"sentence-transformers model, or use TIAOWEN_ENCODER={EMBEDDED}"
            ) from error
        dimensions = self._model.get_embedding_dimension()
        if dimensions is None:
            dimensions = self._model.encode(["条"]).shape[1]
        self.name = model
        self.dimensions = int(dimensions)
        self.fingerprint = f"{model}@{self.dimensions}"

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each question, by the model's encode_query."""
        return self._encode(self._model.encode_query, texts)

    def encode_clauses(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each clause, by the model's encode_document."""
        return self._encode(self._model.encode_document, texts)

    def words(self) -> list[str]:
        """Return no words: a transformer's vocabulary is of parts of words."""
        return []

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return no tokens: a transformer's word has no vector of its own."""
        return [np.zeros(0, np.int32) for _ in texts]

    def questions_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return a unit row of each question, and no tokens."""
        return self.encode_questions(texts), self.token_ids(texts)

    def clauses_and_tokens(self, texts: Sequence[str]) -> VectorsAndTokens:
        """Return a unit row of each clause, and no tokens."""
        return self.encode_clauses(texts), self.token_ids(texts)

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return no rows."""
        return np.zeros((len(ids), self.dimensions), np.float32)

    def _encode(self, encode: Any, texts: Sequence[str]) -> NDArray[np.float32]:
        if not len(texts):
            return np.zeros((0, self.dimensions), np.float32)
        rows = encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.ascontiguousarray(rows, dtype=np.float32)


def _known(encoding: Encoding) -> NDArray[np.int32]:
    """Return the tokens of a text that are in the table."""
    return np.array([n for n in encoding.ids if n], np.int32)


def _digest(path: Path) -> hashlib._Hash:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> EncoderError:
    return EncoderError(
        f"{path}: the encoder cannot be read ({error.strerror}); {INSTALL_EMBEDDED}"
    )


def _damaged(path: Path, why: str) -> EncoderError:
    return EncoderError(f"{path}: the encoder is damaged ({why}); {INSTALL_EMBEDDED}")


def _table(
    path: Path, arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """Return the rows and, where they are whole numbers, each row's factor."""
    if "embedding.weight" in arrays and arrays["embedding.weight"].ndim == 2:
        return arrays["embedding.weight"], None
    rows, factors = arrays.get("embeddings"), arrays.get("weights")
    if rows is None or factors is None or rows.ndim != 2 or factors.shape != rows.shape[:1]:
        raise _damaged(path, f"it holds {sorted(arrays)}")
    return rows, factors.astype(np.float32)
