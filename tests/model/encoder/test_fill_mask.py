"""Words that are missing from sentences about videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from model.encoder.fill_mask import fill
from model.encoder.videobert import VideoBertEncoder
from model.network import checkpoint
from search import Library
from search.cli.app import app
from tests.support.media import render


@pytest.fixture
def speaking(model, tokenizer) -> VideoBertEncoder:
    """A model that guesses "dog", then "cat", whatever it sees."""
    model.add_masked_words()
    vocabulary = tokenizer.tokenizer.get_vocab()
    with torch.no_grad():
        model.masked_words.bias[vocabulary["dog"]] = 50.0
        model.masked_words.bias[vocabulary["cat"]] = 48.0
        model.masked_words.bias[vocabulary["[SEP]"]] = 90.0  # no word
    return VideoBertEncoder(model, tokenizer, fingerprint="speaking")


def frames(encoder: VideoBertEncoder, count: int = 20) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, encoder.feature_dim)).astype(np.float16)


def test_every_blank_gets_its_guesses_best_first(speaking):
    blanks = fill(speaking, frames(speaking), "the [MASK] moves left [MASK]", top=2)
    assert [[guess.word for guess in blank] for blank in blanks] == [["dog", "cat"]] * 2
    assert all(1 >= blank[0].probability > blank[1].probability > 0 for blank in blanks)


def test_frames_and_words_around_a_blank_count(model, tokenizer):
    model.add_masked_words()
    encoder = VideoBertEncoder(model, tokenizer, fingerprint="x")
    features = frames(encoder)
    one, two, other = (
        [guess.probability for guess in fill(encoder, look, text, top=14)[0]]
        for look, text in ((features, "a [MASK]"), (-features, "a [MASK]"), (features, "up [MASK]"))
    )
    assert len(one) == 14  # every whole word of the vocabulary
    assert sum(one) == pytest.approx(1, abs=1e-5)
    assert one != two
    assert one != other


@pytest.mark.parametrize(
    ("text", "message"),
    [("a dog", r"needs \[MASK\] for each word"), ("[MASK] " * 17, "at most 16 word pieces, got 17")],
)
def test_texts_that_cannot_be_filled_are_refused(speaking, text, message):
    with pytest.raises(ValueError, match=message):
        fill(speaking, frames(speaking), text, top=1)


def test_a_model_without_masked_words_says_so(encoder):
    with pytest.raises(ValueError, match="cannot predict words: it was trained without masked words"):
        fill(encoder, frames(encoder), "a [MASK]", top=1)


def test_the_command_fills_a_part_of_a_video(speaking, tmp_path: Path):
    video = render(tmp_path / "film.mp4", frames=75)
    folder = tmp_path / "model"
    checkpoint.save(speaking.model, speaking.tokenizer, folder)
    with Library(tmp_path / "library", model=folder) as library:
        library.index([video])
        with pytest.raises(ValueError, match=r"no frame between these times; it lasts 3.0 s"):
            library.fill(f"{video}@8-9", "a [MASK]")
    command = ["fill", f"{video}@1-2", "a [MASK] moves", "--library", str(tmp_path / "library")]
    result = CliRunner().invoke(app, [*command, "--top", "1"])
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == ["1.", "dog", "88%"]
    guesses = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [guess["word"] for guess in guesses[0][:2]] == ["dog", "cat"]
