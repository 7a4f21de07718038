import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from qa.encoder import EMBEDDED, EMBEDDED_FOLDER, StaticEncoder, TransformersEncoder, open_encoder
from qa.errors import EncoderError

TEXTS = [
    "第二十五条 单位可以给予科技成果完成人使用权。",
    "How is the income from transferring research results shared?",
    "上海市鼓励外资研发中心参与 R&D 项目，补贴 30%。",
    "条",
    "reindustrialisations xyzzyq",
]
BILINGUAL = [
    (
        "Can a tenant paint the walls of a rented flat without asking the owner?",
        "承租人未经出租人同意，不得对租赁房屋进行装修或者增设他物。",
        "人民法院审理行政案件，实行合议、回避、公开审判和两审终审制度。",
    ),
    (
        "Which subsidies are there for incubators that support start-ups?",
        "对培育初创企业成效显著的科技企业孵化器，给予运营补贴。",
        "船舶在港内航行应当遵守限速规定，保持安全距离。",
    ),
    (
        "What happens to food that is past its expiry date?",
        "食品经营者应当及时清理超过保质期的食品。",
        "律师会见在押的犯罪嫌疑人时不被监听。",
    ),
]


@pytest.fixture(scope="module")
def encoder() -> StaticEncoder:
    return StaticEncoder(EMBEDDED_FOLDER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the packaged model that a test may damage."""
    for path in EMBEDDED_FOLDER.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".safetensors"):
            target = tmp_path / path.relative_to(EMBEDDED_FOLDER)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def tiny_bert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A random two-layer BERT with a vocabulary of characters, made here, saved as a folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"科技成果转化收益条abcdefghijklm"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    bert = tmp_path / "bert"
    BertModel(config).save_pretrained(bert)
    tokenizer.save_pretrained(bert)
    transformer = Transformer(str(bert))
    model = SentenceTransformer(
        modules=[transformer, Pooling(32, "mean")],
        prompts={"query": "abc ", "document": ""},
        device="cpu",
    )
    model.save_pretrained(str(tmp_path / "model"))
    return tmp_path / "model"


def test_rows_have_unit_length(encoder: StaticEncoder) -> None:
    """Questions and clauses come back as float32 rows of length one, in the order asked."""
    rows = encoder.encode_clauses(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), encoder.dimensions)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for text, row in zip(TEXTS, rows, strict=True):
        assert np.allclose(encoder.encode_questions([text])[0], row, atol=1e-6)


def test_long_batch_equals_one_by_one(encoder: StaticEncoder) -> None:
    """Chunking by texts and by tokens changes no vector."""
    texts = [TEXTS[i % len(TEXTS)] * (1 + i % 7) for i in range(700)] + [TEXTS[0] * 4000, ""]
    rows = encoder.encode_clauses(texts)
    for i in (0, 255, 256, 257, 699, 700):
        assert np.allclose(rows[i], encoder.encode_clauses([texts[i]])[0], atol=1e-5)
    assert not rows[701].any()


def test_no_texts_give_no_rows(encoder: StaticEncoder) -> None:
    """An empty list gives shape (0, dimensions)."""
    assert encoder.encode_questions([]).shape == (0, encoder.dimensions)
    assert encoder.encode_clauses([]).shape == (0, encoder.dimensions)


@pytest.mark.parametrize("text", ["", " \n", "？！……", "ァ؟"])
def test_text_without_known_tokens_gives_a_zero_row(encoder: StaticEncoder, text: str) -> None:
    """Nothing known is a zero row, never NaN, also beside other texts."""
    rows = encoder.encode_questions([text, TEXTS[0], text])
    assert not rows[0].any()
    assert not rows[2].any()
    assert np.linalg.norm(rows[1]) == pytest.approx(1, abs=1e-5)


def test_case_and_width_do_not_matter(encoder: StaticEncoder) -> None:
    """The tokenizer itself lower-cases and folds full-width letters and digits."""
    wide = "".join(
        chr(ord(c) + 0xFEE0) if c < "\x7f" and c != " " else c for c in "R&D TAX 2023 企业"
    )
    rows = encoder.encode_questions(["R&D tax 2023 企业", wide])
    assert np.allclose(rows[0], rows[1], atol=1e-6)


def test_half_a_surrogate_pair_is_no_error(encoder: StaticEncoder) -> None:
    """What JSON can carry but UTF-8 cannot is passed over."""
    rows = encoder.encode_questions(["\ud800科技成果", "科技成果"])
    assert np.allclose(rows[0], rows[1], atol=1e-6)


def test_token_vectors_sum_to_the_text_vector(encoder: StaticEncoder) -> None:
    """The text's vector is the unit sum of its tokens' vectors."""
    (ids,) = encoder.token_ids(TEXTS[:1])
    vectors = encoder.token_vectors(ids)
    assert len(vectors) == len(ids) > 3
    total = vectors.sum(axis=0)
    assert np.allclose(
        total / np.linalg.norm(total), encoder.encode_clauses(TEXTS[:1])[0], atol=1e-5
    )
    assert encoder.token_vectors(encoder.token_ids([""])[0]).shape == (0, encoder.dimensions)


def test_unseen_english_word_is_covered_by_its_parts(encoder: StaticEncoder) -> None:
    """An inflection that is in no vocabulary still has a vector."""
    assert len(encoder.token_ids(["reindustrialisations"])[0]) > 1
    assert encoder.encode_questions(["reindustrialisations"])[0].any()


@pytest.mark.filterwarnings("ignore")
def test_equals_sentence_transformers_on_the_same_folder(encoder: StaticEncoder) -> None:
    """SentenceTransformer reads the packaged folder and gives the same vectors."""
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(EMBEDDED_FOLDER), device="cpu")
    texts = [*TEXTS, "", *(one for row in BILINGUAL for one in row)]
    assert np.allclose(model.encode_query(texts), encoder.encode_questions(texts), atol=1e-5)
    assert np.allclose(model.encode_document(texts), encoder.encode_clauses(texts), atol=1e-5)


@pytest.mark.parametrize(("question", "clause", "other"), BILINGUAL)
def test_english_question_is_nearer_to_its_chinese_clause(
    encoder: StaticEncoder, question: str, clause: str, other: str
) -> None:
    """Sentences written for this test: the clause that answers beats an unrelated one."""
    asked = encoder.encode_questions([question])[0]
    answering, unrelated = encoder.encode_clauses([clause, other]) @ asked
    assert answering > unrelated + 0.1


def test_damaged_weights_are_an_encoder_error(folder: Path) -> None:
    """A truncated weight file is named, with the cure."""
    path = folder / "0_StaticEmbedding" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
        EncoderError, match=r"model\.safetensors: the encoder is damaged.*reinstall"
    ):
        StaticEncoder(folder)


def test_damaged_tokenizer_is_an_encoder_error(folder: Path) -> None:
    """A tokenizer file that is no JSON is named."""
    (folder / "0_StaticEmbedding" / "tokenizer.json").write_text("{")
    with pytest.raises(EncoderError, match=r"tokenizer\.json: the encoder is damaged"):
        StaticEncoder(folder)


def test_missing_folder_is_an_encoder_error(tmp_path: Path) -> None:
    """A folder without weights is named."""
    with pytest.raises(EncoderError, match=r"model\.safetensors: the encoder cannot be read"):
        StaticEncoder(tmp_path)


def test_weights_of_another_tokenizer_are_an_encoder_error(folder: Path) -> None:
    """Rows and tokens must be equally many, and the arrays those of a static embedding."""
    path = folder / "0_StaticEmbedding" / "model.safetensors"
    save_file({"embedding.weight": np.ones((3, 4), np.float16)}, path)
    with pytest.raises(EncoderError, match="3 rows for"):
        StaticEncoder(folder)
    save_file({"other": np.ones((3, 4), np.float16)}, path)
    with pytest.raises(EncoderError, match=r"it holds \['other'\]"):
        StaticEncoder(folder)


def test_plain_fp16_table_is_read_too(folder: Path, encoder: StaticEncoder) -> None:
    """A table under sentence-transformers' own key needs no row factors."""
    path = folder / "0_StaticEmbedding" / "model.safetensors"
    stored = load_file(path)
    table = stored["embeddings"] * stored["weights"][:, None]
    save_file({"embedding.weight": table.astype(np.float16)}, path)
    other = StaticEncoder(folder)
    assert np.allclose(other.encode_clauses(TEXTS), encoder.encode_clauses(TEXTS), atol=2e-3)
    assert other.fingerprint != encoder.fingerprint


def test_fingerprint_is_stable(folder: Path, encoder: StaticEncoder) -> None:
    """The same files have the same fingerprint wherever they lie."""
    assert StaticEncoder(folder).fingerprint == encoder.fingerprint
    embedded = open_encoder(EMBEDDED)
    assert (embedded.name, embedded.fingerprint) == (EMBEDDED, encoder.fingerprint)


def test_embedded_encoder_needs_no_torch() -> None:
    """Neither the import nor a vector loads torch or sentence-transformers."""
    code = (
        "import sys, json, qa.encoder; early = sorted(sys.modules);"
        "qa.encoder.open_encoder('embedded').encode_questions(['条']);"
        "print(json.dumps([early, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    early, late = json.loads(done.stdout)
    assert not {"torch", "sentence_transformers", "transformers"} & set(late)
    assert not {"tokenizers", "safetensors"} & set(early)


@pytest.mark.filterwarnings("ignore")
def test_any_sentence_transformers_model_will_do(tiny_bert: Path) -> None:
    """A BERT folder gives unit float32 rows for questions and clauses, each with its prompt."""
    encoder = open_encoder(str(tiny_bert))
    assert isinstance(encoder, TransformersEncoder)
    questions = encoder.encode_questions(["科技成果"])
    clauses = encoder.encode_clauses(["科技成果", "转化收益条"])
    assert (questions.shape, clauses.shape) == ((1, 32), (2, 32))
    assert questions.dtype == clauses.dtype == np.float32
    assert np.allclose(np.linalg.norm(clauses, axis=1), 1, atol=1e-5)
    assert not np.allclose(questions[0], clauses[0], atol=1e-3)
    assert encoder.encode_clauses([]).shape == (0, 32)
    assert encoder.fingerprint == f"{tiny_bert}@32"


@pytest.mark.filterwarnings("ignore")
def test_unloadable_model_is_an_encoder_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that holds no model is named, with the cure."""
    pytest.importorskip("sentence_transformers")
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        open_encoder(str(tmp_path / "nothing"))


def test_missing_package_is_an_encoder_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sentence-transformers the message says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EncoderError, match=r"pip install 'tiaowen\[transformers\]'"):
        open_encoder("BAAI/bge-m3")


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [], ["", "条"]])
def test_one_reading_gives_vectors_and_tokens(texts: list[str]) -> None:
    """Read once or twice, texts have the same vectors and the same tokens."""
    encoder = open_encoder(EMBEDDED)
    for vectors, tokens in (
        encoder.questions_and_tokens(texts),
        encoder.clauses_and_tokens(texts),
    ):
        assert np.array_equal(vectors, encoder.encode_clauses(texts))
        assert [one.tolist() for one in tokens] == [
            one.tolist() for one in encoder.token_ids(texts)
        ]
