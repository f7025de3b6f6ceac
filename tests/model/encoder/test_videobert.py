"""VideoBERT as an encoder: what is its own beside the contract."""

import numpy as np
import pytest
import torch

from model.encoder.contract import Encoder
from model.encoder.load import load
from model.network import checkpoint


def test_the_feature_of_two_views_is_their_mean(tiny_checkpoint):
    class Brightness(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return pictures.mean(dim=(2, 3))

    frames = np.zeros((1, 3, 64, 128), np.uint8)
    frames[..., :32] = 255  # a quarter of the picture, beside the middle
    for fit, level in (("middle", -1.0), ("whole", -0.5), ("both", -0.75)):
        encoder = load(tiny_checkpoint)
        encoder.model.config.frame_fit, encoder.model.backbone = fit, Brightness()
        assert encoder.features(frames)[0] == pytest.approx(level, abs=0.02)


def test_what_decides_features_names_them(tiny_checkpoint):
    names = set()
    for fit in ("middle", "whole", "both"):
        encoder = load(tiny_checkpoint)
        encoder.model.config.frame_fit = fit
        names.add(encoder.feature_fingerprint)
    assert len(names) == 3


def test_features_embeddings_and_text_share_one_space(encoder: Encoder):
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 40, 56), dtype=np.uint8)
    features = encoder.features(frames)
    assert features.shape == (5, encoder.feature_dim)
    assert features.dtype == np.float16
    shown = [features[:3], features]
    _, mask = encoder.pad(shown)
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    segments = encoder.embed_segments(shown, ["", "a red dog"])
    queries = encoder.embed_text(["a dog moves left"])
    assert segments.shape == (2, encoder.dim)
    assert queries.shape == (1, encoder.dim)
    assert np.linalg.norm(np.concatenate([segments, queries]), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert encoder.align(shown, ["a dog", "a cat"]).shape == (2,)


def test_a_segment_embeds_the_same_alone_and_in_company(encoder: Encoder):
    rng = np.random.default_rng(1)
    segments = [rng.normal(size=(length, encoder.feature_dim)).astype(np.float16) for length in (1, 8, 3)]
    together = encoder.embed_segments(segments, ["a dog", "", "the cat moves"])
    for segment, text, expected in zip(segments, ["a dog", "", "the cat moves"], together, strict=True):
        alone = encoder.embed_segments([segment], [text])
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)


def test_long_segments_are_thinned_evenly(encoder: Encoder):
    frames = np.arange(20, dtype=np.float16)[:, None].repeat(encoder.feature_dim, axis=1)
    padded, mask = encoder.pad([frames])
    assert mask.sum() == encoder.model.config.max_frames == 8
    assert padded[0, :, 0].tolist() == [0, 3, 5, 8, 11, 14, 16, 19]


def test_nothing_embeds_to_nothing(encoder: Encoder):
    assert encoder.embed_text([]).shape == (0, encoder.dim)
    assert encoder.embed_segments([], []).shape == (0, encoder.dim)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_query_without_words_is_refused(encoder: Encoder, text):
    with pytest.raises(ValueError, match="at least one word"):
        encoder.embed_text([text])


def test_the_fingerprint_names_the_weights(encoder: Encoder, tiny_checkpoint):
    again = load(tiny_checkpoint)
    assert again.fingerprint == encoder.fingerprint
    assert again.fingerprint.startswith("tiny-")
    with torch.no_grad():
        again.model.retrieval.frames.bias += 1
    checkpoint.save(again.model, again.tokenizer, tiny_checkpoint)
    assert load(tiny_checkpoint).fingerprint != encoder.fingerprint


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no config.json in {tmp_path}"):
        load(tmp_path)
