"""VideoBERT from graphs, beside the same checkpoint in torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model.encoder.graph import GraphEncoder
from model.encoder.load import load, load_videobert
from model.network import checkpoint
from model.network.videobert import VideoBertModel
from model.runtime.graph_cache import CACHE_VARIABLE
from model.runtime.runtimes import RUNTIME_VARIABLE
from tests.support.tiny_model import tiny_config, tiny_tokenizer

TEXTS = [
    "a red dog moves left",
    "the cat",
    "a the red green blue square circle dog cat moves left right up down a the a",
]
SHAPES = {
    "as shipped": {"glance_width": 32, "frame_fit": "both", "query_bank_size": 5, "temporal_layers": 2},
    "bare": {"glance_width": 0, "temporal": "none"},
}


@pytest.fixture(params=SHAPES)
def folder(request, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    config = tiny_config(
        backbone="efficientnet_lite2", class_names=("a dog", "a cat", "a circle"), **SHAPES[request.param]
    )
    model = VideoBertModel(config).eval()
    with torch.no_grad():
        model.class_names.embeddings.normal_()
        model.fit_frame_readers(np.random.default_rng(0).normal(size=(50, 1280)))
        for each in model.parameters():
            each += 0.02 * torch.randn_like(each)
    folder = tmp_path_factory.mktemp("graph") / "tiny"
    checkpoint.save(model, tiny_tokenizer(), folder)
    return folder


@pytest.fixture(params=["openvino", "onnx"])
def graphs(request, folder, monkeypatch, tmp_path) -> GraphEncoder:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(RUNTIME_VARIABLE, request.param)
    encoder = load(folder)
    assert isinstance(encoder, GraphEncoder)
    return encoder


def test_graphs_compute_what_torch_does(graphs, folder):
    network = load_videobert(folder)
    frames = np.random.default_rng(0).integers(0, 256, (20, 3, 40, 56), dtype=np.uint8)
    computed, expected = graphs.features(frames), network.features(frames)
    assert cosines(computed, expected).min() >= 0.9995
    np.testing.assert_allclose(graphs.embed_text(TEXTS), network.embed_text(TEXTS), atol=2e-3)
    segments = [expected[:1], expected, expected[:0], expected[3:7]]
    texts = ["", TEXTS[0], TEXTS[1], TEXTS[2]]
    np.testing.assert_allclose(
        graphs.embed_segments(segments, texts), network.embed_segments(segments, texts), atol=2e-3
    )
    np.testing.assert_allclose(graphs.align(segments, texts), network.align(segments, texts), atol=1e-2)
    shown = [segment for segment in segments if len(segment)]
    np.testing.assert_allclose(graphs.class_probabilities(shown), network.class_probabilities(shown), atol=1e-4)


def test_graphs_say_of_themselves_what_torch_does(graphs, folder):
    network = load_videobert(folder)
    for name in ("name", "tier", "fingerprint", "dim", "feature_dim", "fps", "clip_frames", "class_names"):
        assert getattr(graphs, name) == getattr(network, name)
    assert graphs.scale == pytest.approx(network.scale, rel=1e-5)
    assert np.array_equal(graphs.query_bank, network.query_bank)
    assert graphs.feature_fingerprint == network.feature_fingerprint


def test_a_row_does_not_depend_on_its_batch(graphs):
    rng = np.random.default_rng(1)
    segments = [rng.normal(size=(length, 1280)).astype(np.float16) for length in (1, 12, 3)]
    texts = ["a dog", "", "the cat moves"]
    together = graphs.embed_segments(segments, texts)
    for segment, text, expected in zip(segments, texts, together, strict=True):
        np.testing.assert_allclose(graphs.embed_segments([segment], [text])[0], expected, atol=1e-5)
    np.testing.assert_allclose(graphs.embed_text(TEXTS)[1], graphs.embed_text(TEXTS[1:2])[0], atol=1e-5)


def test_nothing_and_too_little(graphs):
    nothing = np.zeros((0, 1280), np.float16)
    assert graphs.features(np.zeros((0, 3, 8, 8), np.uint8)).shape == (0, 1280)
    assert graphs.embed_text([]).shape == graphs.embed_segments([], []).shape == (0, 24)
    assert graphs.align([], []).shape == (0,)
    np.testing.assert_allclose(graphs.embed_segments([nothing], ["a dog"]), graphs.embed_text(["a dog"]), atol=1e-5)
    with pytest.raises(ValueError, match="neither"):
        graphs.embed_segments([nothing], [""])
    with pytest.raises(ValueError, match="at least one word, got '  '"):
        graphs.embed_text(["  "])
    with pytest.raises(ValueError, match="one text per segment: got 1 texts for 0 segments"):
        graphs.embed_segments([], ["a"])


def test_changed_weights_get_new_graphs(folder, monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    before = load(folder)
    old = before.embed_text(TEXTS)
    network = load_videobert(folder)
    with torch.no_grad():
        network.model.retrieval.words.weight.neg_()
    checkpoint.save(network.model, network.tokenizer, folder)
    after = load(folder)
    assert after.fingerprint != before.fingerprint
    assert np.abs(after.embed_text(TEXTS) - old).max() > 0.1
    (cached,) = (tmp_path / "cache" / "graphs").iterdir()
    assert len(list(cached.iterdir())) == 1  # the old ones are gone


def test_torch_is_not_imported(folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from model.encoder.load import load; e = load(Path(sys.argv[1])); "
        "import numpy as np; f = e.features(np.zeros((2, 3, 40, 56), np.uint8)); e.embed_segments([f], ['a dog']); "
        "assert not {'torch', 'transformers', 'torchvision'} & set(sys.modules); "
        "e = load(Path(sys.argv[1])); e.embed_text(['a dog']); print('onnx' in sys.modules)"
    )
    environment = os.environ | {CACHE_VARIABLE: str(tmp_path)}
    printed = [
        subprocess.run(
            [sys.executable, "-c", code, folder], env=environment, check=True, capture_output=True, text=True
        )
        for _ in range(2)
    ]
    assert [each.stdout.strip() for each in printed] == ["True", "False"]


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
