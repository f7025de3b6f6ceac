"""The map from e5's space into a model's query space."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from model.encoder.multilingual import LanguageMap
from recipes.languages import Pairs, in_turn, trained


def test_every_picture_has_a_caption_before_any_has_two():
    captions = [["a", "b", "b"], ["c"], ["d", "e", "a"]]
    drawn = in_turn(captions, random.Random(0))
    assert sorted(picture for _, picture in drawn[:3]) == [0, 1, 2]
    assert sorted(text for text, _ in drawn) == ["a", "b", "c", "d", "e"]


def test_captions_and_pictures_teach_a_map(tmp_path: Path):
    torch.manual_seed(0)
    sentences = torch.nn.functional.normalize(torch.randn(400, 16), dim=-1)
    queries = torch.nn.functional.normalize(torch.tanh(sentences @ torch.randn(16, 12)), dim=-1)
    pairs = Pairs(sentences[:300], queries[:300], queries[:300], torch.arange(300), queries[0])
    trained(pairs, steps=60, batch=64, wide=32, seed=0).save(tmp_path / "languages.safetensors")
    mapped = LanguageMap.read(tmp_path / "languages.safetensors")(sentences[300:].numpy())
    ranks = (mapped @ queries[300:].numpy().T).argmax(axis=1)
    assert np.mean(ranks == np.arange(100)) > 0.8
