"""What many tests share: a tiny random model, and where the development data lies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from indexer.text.recognizers import WORDS_VARIABLE
from model.encoder.contract import Encoder
from model.encoder.load import load
from model.network import checkpoint
from model.network.tokenizer import TextTokenizer
from model.network.videobert import VideoBertModel
from search.library.library import LIBRARY_VARIABLE
from tests.support.tiny_model import tiny_model, tiny_tokenizer

# A shell ignores interrupts in what it starts in the background, and programs started by the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Reading on-screen text takes seconds for each run; tests of it ask for it.
os.environ[WORDS_VARIABLE] = "speech"

# Threads cost tiny networks far more than they give, above all beside other work: they wait for each other in
# loops. The second line is for programs that tests start.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return DATA


@pytest.fixture(scope="session", autouse=True)
def no_library_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands without --library must not depend on what whoever runs the tests has indexed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LIBRARY_VARIABLE, str(tmp_path_factory.mktemp("user") / "library"))
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a server that all tests of a run share."""
    from tests.support.postgres import start

    return start(tmp_path_factory)


@pytest.fixture
def tokenizer() -> TextTokenizer:
    return tiny_tokenizer()


@pytest.fixture
def model() -> VideoBertModel:
    return tiny_model()


@pytest.fixture
def tiny_checkpoint(model: VideoBertModel, tokenizer: TextTokenizer, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    checkpoint.save(model, tokenizer, folder)
    return folder


@pytest.fixture
def encoder(tiny_checkpoint: Path) -> Encoder:
    return load(tiny_checkpoint)
