"""Saved searches: kept, asked again, taught; and pictures as queries."""

from pathlib import Path

import pytest
from PIL import Image

from indexer.features.clip import read_picture
from indexer.media.container import MediaError
from model.encoder.contract import Encoder
from search.query.request import SearchRequest
from store.catalog.catalog import Catalog
from store.catalog.searches import SavedSearch
from store.errors import NotInLibrary


def test_what_was_said_last_counts() -> None:
    search = SearchRequest("a dog", more=(1, 2), less=(3,)).with_feedback(more=[3], less=[2])
    assert (search.more, search.less) == ((1, 3), (2,))


def test_searches_are_kept_under_names(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Catalog.open(path) as catalog:
        catalog.searches.put(SavedSearch("Dogs", "a dog", only="visual", min_confidence=0.2, per_video=3))
        catalog.searches.put(SavedSearch("cats", "a cat"))
        catalog.searches.put(SavedSearch("dogs", "a big dog"))
    with Catalog.open(path) as catalog:
        assert catalog.searches.all() == [SavedSearch("cats", "a cat"), SavedSearch("dogs", "a big dog")]
        assert catalog.searches.get(" DOGS ") == SavedSearch("dogs", "a big dog")
        assert catalog.searches.get("birds") is None
        assert [catalog.searches.remove(name) for name in ("Cats", "cats")] == [True, False]


def test_a_search_needs_a_name_and_segments_that_exist() -> None:
    with Catalog.open(":memory:") as catalog:
        with pytest.raises(ValueError, match="needs a name, got '  '"):
            catalog.searches.put(SavedSearch("  ", "a dog"))
        with pytest.raises(NotInLibrary, match="7"):
            catalog.searches.put(SavedSearch("dogs", "a dog", more=(7,)))
        assert catalog.searches.all() == []


def test_a_picture_is_a_clip_of_one_frame(tmp_path: Path, encoder: Encoder) -> None:
    upright = Image.new("RGB", (40, 30), "red")
    upright.paste("blue", (0, 0, 20, 30))
    upright.save(tmp_path / "upright.png")
    turned = upright.rotate(90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held a quarter turn to the left
    turned.save(tmp_path / "turned.png", exif=exif)
    clip, same = (read_picture(tmp_path / name, encoder) for name in ("upright.png", "turned.png"))
    assert clip.features.shape == (1, encoder.feature_dim)
    assert (clip.features == same.features).all()
    assert clip.embeddings.shape == (1, encoder.dim)


def test_what_is_no_picture_is_said(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        read_picture(tmp_path / "text.jpg", encoder)
    with pytest.raises(MediaError, match="no such file"):
        read_picture(tmp_path / "missing.jpg", encoder)
