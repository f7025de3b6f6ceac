"""Predict masked words of a sentence about a video: "now let me show you how to [MASK] the [MASK]".

This template is the zero-shot classification of verbs and nouns in Sun et al., VideoBERT, 2019, section 4.3. Blanks are
predicted independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.encoder.videobert import VideoBertEncoder
from model.network.videobert import Inputs

BLANK = "[MASK]"


@dataclass(frozen=True)
class Guess:
    """A prediction for a blank."""

    word: str
    probability: float  # among all whole words of the vocabulary, 0 to 1


@torch.inference_mode()
def fill(encoder: VideoBertEncoder, features: NDArray[np.float16], text: str, *, top: int) -> list[list[Guess]]:
    """Predict the blanks of a sentence about frames.

    Args:
        features: float16 (T, F), thinned to the model's maximum.
        text: with `[MASK]` for each word to predict.
        top: number of guesses per blank.

    Returns:
        guesses per blank, best first.

    Raises:
        ValueError: the text has no blank, is too long, or this checkpoint cannot predict words.
    """
    model, tokenizer = encoder.model, encoder.tokenizer
    if BLANK not in text:
        raise ValueError(f"a text to fill needs {BLANK} for each word to guess, got {text!r}")
    if not model.config.masked_words:
        raise ValueError(
            f"the model {encoder.fingerprint} cannot predict words: it was trained without masked words. "
            "Train one with `masked_word_weight` above 0 (`videobert train --recipe`) and index with it."
        )
    parts = [tokenizer.tokenizer.encode(part, add_special_tokens=False).ids for part in text.split(BLANK)]
    ids = parts[0] + [id for part in parts[1:] for id in (model.config.mask_token_id, *part)]
    if len(ids) > model.config.max_words:
        raise ValueError(f"a text to fill has at most {model.config.max_words} word pieces, got {len(ids)}")
    words = torch.tensor([ids])
    frames, mask = encoder.pad([features])
    real = torch.ones_like(words, dtype=torch.bool)
    inputs = Inputs(words, real, torch.from_numpy(frames).float(), torch.from_numpy(mask))
    blanks = words == model.config.mask_token_id
    nothing = torch.zeros(mask.shape, dtype=torch.bool)
    logits, _ = model.masked_logits(inputs.to(encoder.device), blanks.to(encoder.device), nothing.to(encoder.device))
    whole = [(token, id) for token, id in tokenizer.tokenizer.get_vocab().items() if token.isalpha()]
    chances = torch.softmax(logits[:, [id for _, id in whole]], dim=1).cpu()
    best = chances.topk(min(top, len(whole)), dim=1)
    return [
        [Guess(whole[i][0], chance) for chance, i in zip(*row, strict=True)]
        for row in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
