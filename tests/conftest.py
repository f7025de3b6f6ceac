"""What many tests share: a tiny random model, and where the development data lies."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model import checkpoint
from model.encoder import Encoder
from model.text import TextTokenizer
from model.videobert import VideoBertConfig, VideoBertModel

# A shell ignores interrupts in what it starts in the background, and programs started by the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Threads cost tiny networks far more than they give, above all beside other work.
torch.set_num_threads(1)

DATA = Path(__file__).parents[2] / "shared" / "data"
WORDS = ["a", "the", "red", "green", "blue", "square", "circle", "dog", "cat", "moves", "left", "right", "up", "down"]


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return DATA


@pytest.fixture
def tokenizer() -> TextTokenizer:
    return tiny_tokenizer()


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


@pytest.fixture
def model() -> VideoBertModel:
    return tiny_model()


def tiny_model(*, seed: int = 0) -> VideoBertModel:
    torch.manual_seed(seed)
    return VideoBertModel(tiny_config()).eval()


@pytest.fixture
def tiny_checkpoint(model: VideoBertModel, tokenizer: TextTokenizer, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    checkpoint.save(model, tokenizer, folder)
    return folder


@pytest.fixture
def encoder(tiny_checkpoint: Path) -> Encoder:
    return Encoder.load(tiny_checkpoint)
