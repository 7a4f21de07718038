"""Write a trained table as a sentence-transformers folder: StaticEmbedding, then Normalize."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

MODULES = [
    {
        "idx": 0,
        "name": "0",
        "path": "0_StaticEmbedding",
        "type": "sentence_transformers.sentence_transformer.modules.StaticEmbedding",
    },
    {
        "idx": 1,
        "name": "1",
        "path": "1_Normalize",
        "type": "sentence_transformers.base.modules.normalize.Normalize",
    },
]
SETTINGS = {
    "__version__": {"sentence_transformers": "6.2.0"},
    "model_type": "SentenceTransformer",
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
    "similarity_fn_name": "cosine",
}
NORMALIZE = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}


def reduce_table(
    weight: NDArray[np.float32], vectors: NDArray[np.float32], dimensions: int
) -> NDArray[np.float32]:
    """Return a table (n, d) turned to its principal axes and cut to the first `dimensions`.

    The axes are those of unit text vectors (m, d) and of unit token rows, half and half. A wide
    table trains better than a narrow one, and loses next to nothing when it is cut.
    """
    tokens = weight / np.maximum(np.linalg.norm(weight, axis=1, keepdims=True), 1e-9)
    spreads = [rows.T @ rows / len(rows) for rows in (vectors, tokens)]
    _, axes = np.linalg.eigh(sum(spread / np.trace(spread) for spread in spreads))
    reduced: NDArray[np.float32] = (weight @ axes[:, ::-1][:, :dimensions]).astype(np.float32)
    return reduced


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the rows as whole numbers from -127 to 127 and the factor of each row."""
    factors = np.abs(weight).max(axis=1) / 127
    safe = np.where(factors > 0, factors, 1)[:, None]
    return np.rint(weight / safe).astype(np.int8), factors.astype(np.float32)


def write_model(folder: Path, tokenizer: Tokenizer, weight: NDArray[np.float32]) -> None:
    """Write the folder; StaticEmbedding multiplies `embeddings` by `weights` when it loads them."""
    static = folder / "0_StaticEmbedding"
    static.mkdir(parents=True, exist_ok=True)
    (folder / "1_Normalize").mkdir(exist_ok=True)
    rows, factors = quantise(weight)
    save_file({"embeddings": rows, "weights": factors}, static / "model.safetensors")
    (static / "model.safetensors").chmod(0o644)
    tokenizer.save(str(static / "tokenizer.json"), pretty=False)
    (folder / "1_Normalize" / "config.json").write_text(json.dumps(NORMALIZE, indent=2) + "\n")
    (folder / "modules.json").write_text(json.dumps(MODULES, indent=2) + "\n")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(SETTINGS, indent=2) + "\n")
