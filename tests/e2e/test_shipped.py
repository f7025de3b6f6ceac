"""The checkpoint that comes with the program: what it promises, on photographs that installable packages carry."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from model.encoder.contract import Encoder
from model.encoder.labels import fitted_labeler
from model.encoder.load import load
from model.network.checkpoint import DEFAULT_CHECKPOINT
from recipes.demo import make_videos
from search import Library
from tests.support.media import render

QUERIES = {
    "a cat": "chelsea",
    "a rocket taking off": "rocket",
    "an astronaut in an orange suit": "astronaut",
    "a cup of coffee on a table": "coffee",
    "a motorcycle": "motorcycle_left",
    "people riding bicycles": "bikes",
    "a man talking in a car": "carphone_pristine",
    "old coins": "coins",
}

pytestmark = pytest.mark.slow  # they load and run the shipped model


@pytest.fixture(scope="module")
def shipped() -> Encoder:
    return load()


@pytest.fixture(scope="module")
def silent(shipped: Encoder, tmp_path_factory: pytest.TempPathFactory):
    """The demo's films without their subtitles."""
    films = tmp_path_factory.mktemp("films")
    make_videos(films)
    for subtitles in films.glob("*.srt"):
        subtitles.unlink()
    with Library(tmp_path_factory.mktemp("library"), encoder=shipped) as library:
        library.index([films])
        yield library


def test_it_is_small_and_says_what_it_is():
    files = {path.name for path in DEFAULT_CHECKPOINT.iterdir()}
    assert files == {"README.md", "config.json", "languages.safetensors", "model.safetensors", "tokenizer.json"}
    assert sum(path.stat().st_size for path in DEFAULT_CHECKPOINT.iterdir()) < 64e6
    card = (DEFAULT_CHECKPOINT / "README.md").read_text(encoding="utf-8")
    for topic in ("Data", "Recipe", "Scores", "Limits", "Licences"):
        assert f"## {topic}" in card


def test_it_finds_what_pictures_show(silent: Library):
    found = {query: [Path(moment.path).stem for moment in silent.search(query, top=3)] for query in QUERIES}
    right = [query for query, film in QUERIES.items() if film in found[query]]
    assert len(right) >= 6, found


def test_similar_finds_the_other_half_of_a_video(silent: Library):
    bikes = next(video.path for video in silent.videos() if video.path.endswith("bikes.mp4"))
    best = silent.similar(f"{bikes}@6-9", top=1)[0]
    assert best.path == bikes
    assert best.match is not None
    assert best.match.start == pytest.approx(6, abs=0.5)
    assert (best.match.kind, best.match.speed, best.match.mirrored) == ("copy", 1.0, False)
    assert (best.start, best.end) == (best.match.start, best.match.end)
    assert best.as_dict()["match"]["kind"] == "copy"


@pytest.mark.parametrize("film", ["bigbuckbunny", "carphone_pristine", "bikes", "coins", "chelsea", "rocket"])
def test_a_film_is_found_that_was_filmed_from_a_screen(silent: Library, tmp_path: Path, film: str):
    source = next(video.path for video in silent.videos() if video.path.endswith(f"{film}.mp4"))
    with av.open(source) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)][:50]
    room = Image.fromarray(np.random.default_rng(0).integers(90, 170, (9, 16, 3), np.uint8)).resize((640, 360))

    def paint(index: int) -> np.ndarray:
        picture = room.copy()
        picture.paste(frames[index].resize((352, 198)), (144, 81))
        return np.asarray(picture)

    best = silent.similar(render(tmp_path / "filmed.mp4", paint=paint), top=1)[0]
    assert best.path == source
    assert best.match is not None
    assert best.match.similarity > 0.5  # less with the room around it
    # Only where something moves can a copy be told from another take; the others are slow pans over a photo.
    if film in ("bigbuckbunny", "carphone_pristine", "bikes"):
        assert best.match.kind == "near copy"


def test_alignment_tells_right_from_wrong(silent: Library, shipped: Encoder):
    pairs = []
    for query, film in QUERIES.items():
        video = next(video for video in silent.videos() if Path(video.path).stem == film)
        segment = silent.catalog.segments.of(video.id)[0]
        pairs.append((query, silent.catalog.segments.frame_features(segment.id)[1]))
    segments = [frames for _, frames in pairs]
    texts = [text for text, _ in pairs]
    beliefs = [shipped.align(segments, texts[shift:] + texts[:shift]) for shift in range(len(texts))]
    assert np.mean(beliefs[0] > np.mean(beliefs[1:], axis=0)) >= 0.75


def test_a_subtitle_is_found_by_its_words(silent: Library, shipped: Encoder):
    video = next(video for video in silent.videos() if video.path.endswith("moon.mp4"))
    frames = silent.catalog.segments.frame_features(silent.catalog.segments.of(video.id)[0].id)[1]
    query = shipped.embed_text(["how to make a good espresso"])[0]
    spoken = shipped.embed_segments([frames], ["now let me show you how to make a good espresso"])[0]
    mute = shipped.embed_segments([frames], [""])[0]
    assert float(query @ spoken) > float(query @ mute) + 0.1


@pytest.mark.parametrize(
    ("film", "sentence", "word"),
    [
        ("chelsea.mp4", "a close up of a [MASK]", "cat"),
        ("motorcycle_left.mp4", "a man rides a [MASK] on the street", "motorcycle"),
    ],
)
def test_it_fills_in_what_a_sentence_leaves_out(silent: Library, film: str, sentence: str, word: str):
    video = next(video for video in silent.videos() if video.path.endswith(film))
    (guesses,) = silent.fill(video.path, sentence)
    assert guesses[0].word == word


def test_labels_were_fitted_to_it_and_name_what_is_shown(silent: Library, shipped: Encoder):
    assert fitted_labeler(shipped), "a new checkpoint or vocabulary: run python -m benchmarks.labels fit"
    found = {Path(moment.path).stem: moment.labels for moment in silent.search("shows:cat")}
    assert "cat" in found["chelsea"]
    assert len(found) <= 2
