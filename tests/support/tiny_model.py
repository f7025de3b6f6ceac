"""A tiny random model, and the few words it knows."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model.network.tokenizer import TextTokenizer
from model.network.videobert import VideoBertConfig, VideoBertModel

WORDS = ["a", "the", "red", "green", "blue", "square", "circle", "dog", "cat", "moves", "left", "right", "up", "down"]


def tiny_tokenizer() -> TextTokenizer:
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[>]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "[MASK]"])}
    wordpiece = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer()
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return TextTokenizer(wordpiece)


def tiny_config(**changes: object) -> VideoBertConfig:
    """Two small layers over 32-pixel frames."""
    shape: dict[str, object] = {
        "vocab_size": 6 + len(WORDS),
        "hidden_size": 24,
        "embedding_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        "cls_token_id": 3,
        "sep_token_id": 4,
        "mask_token_id": 5 + len(WORDS),
        "max_words": 16,
        "max_frames": 8,
        "image_size": 32,
        "temporal_heads": 4,
        "frame_width": 48,
    }
    return VideoBertConfig(**(shape | changes))


def tiny_model(*, seed: int = 0) -> VideoBertModel:
    torch.manual_seed(seed)
    return VideoBertModel(tiny_config()).eval()
