"""Answers to queries over a library whose vectors and words are made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from indexer.features.clip import Clip
from model.encoder.contract import Encoder
from model.encoder.prompts import everyday_query_lines
from search.engine.searcher import Searcher
from search.query.request import SearchRequest, SimilarRequest
from search.ranking.clause import rarest_terms, text_evidence
from search.ranking.moments import Moment
from store.catalog.catalog import Catalog
from store.errors import NotInLibrary
from store.types import Cue, EncoderInfo, NewSegment, Video
from store.vectors.faiss_index import FaissIndex
from store.vectors.sync import sync

TEXTS = ["a red dog", "a blue boat"]


def a_film(path: str, embeddings: np.ndarray, rng: np.random.Generator, encoder: Encoder) -> tuple[Video, list]:
    segments = [
        NewSegment(
            start=10.0 * i,
            end=10.0 * i + 10,
            text="",
            pts_seconds=10.0 * i + np.arange(20) / 2,
            features=rng.normal(size=(20, encoder.feature_dim)).astype(np.float16),
            embedding=embedding,
            thumbnail=b"jpeg",
            thumbnail_seconds=10.0 * i + 5,
        )
        for i, embedding in enumerate(embeddings)
    ]
    return Video(path, 1, 1, path, "mp4", "h264", 10.0 * len(segments), 25.0, 640, 360, 0), segments


@pytest.fixture
def engine(encoder: Encoder) -> Searcher:
    """Three films: 1 dog, nothing, boat; 2 boat, nothing, dog; 3 nothing but words. Segments are numbered from 1."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.concatenate([encoder.embed_text(TEXTS), rng.normal(size=(12, encoder.dim))]).T)[0].T
    dog, boat = encoder.embed_text(TEXTS)
    nothing = basis[2:].astype(np.float32)  # at right angles to both
    catalog = Catalog.open(":memory:", EncoderInfo(encoder.fingerprint, encoder.dim))
    films = [
        ("/films/one.mp4", [dog, nothing[0], boat], []),
        ("/films/two.mp4", [boat, nothing[1], dog], []),
        (
            "/films/harbour/three.mp4",
            nothing[2:5],
            [Cue(2, 4, "Look, a red dog!"), Cue(12, 14, "the dog is blue"), Cue(25, 26, "happy birthday")],
        ),
        *((f"/other/{i}.mp4", nothing[5 + i : 6 + i], []) for i in range(5)),
    ]
    for path, embeddings, cues in films:
        video, segments = a_film(path, np.stack(embeddings), rng, encoder)
        catalog.put_video(video, segments, cues)
    usual = rng.normal(size=(len(everyday_query_lines()), encoder.dim)).astype(
        np.float32
    )  # as an encoder that knows words
    catalog.text_embeddings.put(
        encoder.fingerprint, everyday_query_lines(), usual / np.linalg.norm(usual, axis=1, keepdims=True)
    )
    index = FaissIndex(encoder.dim)
    sync(index, catalog)
    return Searcher(catalog, index, encoder)


def ask(engine: Searcher, query: str, **wishes: object) -> list[Moment]:
    return engine.search(SearchRequest(query, **wishes))


def ids(moments: list[Moment]) -> list[int]:
    return [hit.segment_id for moment in moments for hit in moment.hits]


def test_a_text_asks_for_the_scene_too_and_a_clip_for_itself(encoder: Encoder) -> None:
    rng = np.random.default_rng(0)
    dog = encoder.embed_text(TEXTS[:1])[0]
    others = np.linalg.qr(np.concatenate([dog[None], rng.normal(size=(4, encoder.dim))]).T)[0].T[1:].astype(np.float32)
    half = [0.6 * dog + 0.8 * other for other in others]
    catalog = Catalog.open(":memory:", EncoderInfo(encoder.fingerprint, encoder.dim))
    for path, shown in (("/alone.mp4", [half[0], others[2]]), ("/beside.mp4", [half[1], dog])):
        video, segments = a_film(path, np.stack(shown), rng, encoder)
        catalog.put_video(video, segments, [])
    usual = rng.normal(size=(len(everyday_query_lines()), encoder.dim)).astype(np.float32)
    usual[:40] += 3 * dog  # people ask for dogs, so that one is nothing out of the ordinary
    catalog.text_embeddings.put(
        encoder.fingerprint, everyday_query_lines(), usual / np.linalg.norm(usual, axis=1, keepdims=True)
    )
    index = FaissIndex(encoder.dim)
    sync(index, catalog)
    engine = Searcher(catalog, index, encoder)
    clip = Clip(np.zeros(1), np.ones((1, encoder.feature_dim), np.float16), (1,), dog[None])
    for request, clips in ((SearchRequest(TEXTS[0], only="visual"), []), (SearchRequest(), [clip])):
        found = engine.search(request, clips=clips)
        sure = {hit.segment_id: hit.confidence for moment in found for hit in moment.hits}
        if clips:  # which is compared frame by frame, whatever is beside
            assert sure[3] == pytest.approx(sure[1])
        else:
            assert sure[4] > sure[3] > sure[1] + 0.002


def test_what_is_seen_and_what_is_said_are_both_found(engine: Searcher) -> None:
    assert set(ids(ask(engine, "a red dog"))[:3]) == {1, 6, 7}
    assert ids(ask(engine, "a red dog", only="words")) == [7]
    assert set(ids(ask(engine, "a red dog", only="visual"))[:2]) == {1, 6}


def test_names_of_folders_are_words(engine: Searcher) -> None:
    assert sorted(ids(ask(engine, "harbour", only="words"))) == [7, 8, 9]


def test_half_of_the_words_is_needed(engine: Searcher) -> None:
    assert ids(ask(engine, "a blue elephant with a trombone", only="words")) == []


def test_a_phrase_must_be_said(engine: Searcher) -> None:
    assert ids(ask(engine, '"happy birthday"')) == [9]
    assert ids(ask(engine, '"birthday happy"')) == []
    assert 8 not in ids(ask(engine, '"red dog"'))


def test_a_moment_of_words_is_where_they_are_said(engine: Searcher) -> None:
    (moment,) = ask(engine, '"happy birthday"')
    assert (moment.start, moment.end) == (25.0, 26.0)
    assert 25.0 <= moment.keyframe <= 26.0


def test_not_pushes_away_and_excludes_phrases(engine: Searcher) -> None:
    order = ids(ask(engine, "a red dog NOT a blue boat", only="visual", top=20))
    assert order.index(2) < order.index(3)  # what is neither comes before what is excluded
    plain, without = (ask(engine, query, top=20) for query in ("harbour", 'harbour NOT "red dog"'))
    assert 7 in ids(plain)
    assert 7 not in ids(without)


def test_and_wants_both(engine: Searcher) -> None:
    best = ask(engine, "dog AND blue", only="words")[0]
    assert best.segment_id == 8


def test_then_wants_one_after_the_other(engine: Searcher) -> None:
    best = ask(engine, "a red dog THEN a blue boat", only="visual")[0]
    assert (best.path, best.start, best.end) == ("/films/one.mp4", 0.0, 30.0)
    best = ask(engine, "a blue boat THEN a red dog", only="visual")[0]
    assert best.path == "/films/two.mp4"
    close = ask(engine, "a red dog THEN WITHIN 5s a blue boat", only="visual")
    assert all({hit.segment_id for hit in moment.hits} != {1, 3} for moment in close)


def test_filters_narrow_what_is_searched(engine: Searcher) -> None:
    assert set(ids(ask(engine, "a red dog in:films/two", top=5))) == {4, 5, 6}
    assert ids(ask(engine, "a red dog in:nowhere")) == []
    assert ids(ask(engine, "in:harbour")) == [7, 8, 9] or sorted(ids(ask(engine, "in:harbour"))) == [7, 8, 9]
    assert ids(ask(engine, "in:harbour has:subtitles NOT in:three")) == []


def test_clips_are_wanted_too(engine: Searcher) -> None:
    clip = engine.segment(8)
    assert ids(engine.search(SearchRequest("dog", top=1), clips=[clip])) == [8]


def test_at_most_so_many_of_one_video(engine: Searcher) -> None:
    moments = ask(engine, "a red dog", per_video=1, top=20)
    assert len({moment.path for moment in moments}) == len(moments) == 8


def test_confidence_tells_answers_from_the_rest(engine: Searcher) -> None:
    likely = {each.segment_id: each.confidence or 0.0 for each in ask(engine, "a red dog", top=20)}
    least = min(likely[number] for number in (1, 6, 7))  # seen, seen, said
    assert all(confidence < least for number, confidence in likely.items() if number not in (1, 6, 7))
    sure = ask(engine, "a red dog", top=20, min_confidence=least)
    assert {moment.segment_id for moment in sure} == {1, 6, 7}
    assert ask(engine, "a red dog", min_confidence=1.0) == []


def test_feedback_moves_the_answers(engine: Searcher) -> None:
    plain, taught = (ids(ask(engine, "a red dog", more=more, only="visual", top=20)) for more in ((), (5,)))
    assert taught.index(5) < plain.index(5)
    away = engine.search(SearchRequest("a red dog", less=(1,), only="visual"))
    assert away[0].confidence is not None
    assert ids(engine.search(SearchRequest("in:films", more=(3,), top=1)))[0] in (3, 4)
    with pytest.raises(NotInLibrary, match="999"):
        engine.search(SearchRequest("a red dog", more=(999,)))


def test_explanations_name_what_was_found(engine: Searcher) -> None:
    by_words = next(moment for moment in ask(engine, "a red dog", explain=True) if 7 in ids([moment]))
    assert by_words.why is not None
    assert {"red", "dog"} <= set(by_words.why.said)
    assert by_words.why.words > 0
    assert by_words.why.visual + by_words.why.words + by_words.why.alignment == pytest.approx(1)
    assert by_words.as_dict()["why"]["words"] == pytest.approx(by_words.why.words, abs=1e-3)
    assert ask(engine, "a red dog")[0].why is None


def test_reading_again_adds_a_ranking(engine: Searcher) -> None:
    best = ask(engine, "a red dog", rerank=3, explain=True, top=20)
    shares = [moment.why.alignment for moment in best if moment.why]
    assert sum(share > 0 for share in shares) == 3


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"top": 0}, "top must be at least 1, got 0"),
        ({"per_video": 0}, "per_video must be at least 1, got 0"),
        ({"min_confidence": 2.0}, "from 0 to 1, got 2.0"),
        ({"only": "sound"}, "visual, words, said or written, got 'sound'"),
        ({"rerank": -1}, "must not be negative, got -1"),
    ],
)
def test_numbers_out_of_range_are_named(wishes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchRequest("a dog", **wishes)


def test_clips_do_not_go_with_sequences() -> None:
    with pytest.raises(ValueError, match="one step"):
        SearchRequest("a THEN b", more=(1,))


def test_words_are_looked_for_by_the_rare_ones() -> None:
    assert rarest_terms({"dog": 1.0, "runs": 2.0, "xylophone": 4.0}) == ["xylophone"]
    assert rarest_terms({"dog": 1.0, "cat": 1.0}) == ["dog", "cat"]  # either is half
    assert rarest_terms({"dog": 1.0}) == ["dog"]
    assert rarest_terms({}) == []


def test_words_are_evidence_by_their_share_of_the_query() -> None:
    evidence = text_evidence(np.array([0.0, 0.4, 0.5, 0.75, 0.9, 0.97, 1.0]), 300)
    assert evidence[:3].tolist() == [0, 0, 0]  # so few words may stand in a line by accident
    assert evidence[3] == pytest.approx(np.log(2))
    assert (np.diff(evidence[2:6]) > 0).all()
    assert evidence[5] == evidence[6]
    assert text_evidence(np.ones(1), 300**2) == pytest.approx(2 * text_evidence(np.ones(1), 300))
    assert text_evidence(np.ones(1), 3) == text_evidence(np.ones(1), 300)


@pytest.mark.parametrize("top", [10**6, 2**63, 10**20])
def test_more_moments_than_there_are_can_be_asked_for(engine: Searcher, top: int) -> None:
    every = ids(ask(engine, "a dog", top=1000))
    assert ids(ask(engine, "a dog", top=top)) == every
    assert sorted(ids(ask(engine, "a dog", top=top, rerank=top))) == sorted(every)
    assert len(ask(engine, "a dog THEN a cat", top=top)) == len(ask(engine, "a dog THEN a cat", top=1000))
    similar = SimilarRequest(segment=1, top=top)
    assert ids(engine.similar(similar)) == ids(engine.similar(replace(similar, top=1000)))


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64, 10**20])
def test_ids_that_nothing_has_are_named(engine: Searcher, number: int) -> None:
    for wishes in ({"more": (number,)}, {"less": (number,)}, {"segments": (number,)}):
        with pytest.raises((NotInLibrary, ValueError), match=str(number)):
            ask(engine, "a dog", **wishes)
    with pytest.raises(ValueError, match=str(number)):
        engine.similar(SimilarRequest(segment=number))


@pytest.fixture
def signs(engine: Searcher) -> Searcher:
    """The same with a film in which "a red dog" is shown under three kinds of lines: segments 15 to 18."""
    dog, boat = engine.encoder.embed_text(TEXTS)
    cues = [
        Cue(1, 2, "it is six o'clock in Mississippi", source="speech"),
        Cue(11, 13, "EXIT to Mississippi", source="screen"),
        Cue(21, 22, "six clocks of missisipi", "en", source="speech"),
        Cue(31, 32, "exit stage left"),
    ]
    film = a_film("/films/signs.mp4", np.stack([boat, dog, boat, boat]), np.random.default_rng(1), engine.encoder)
    engine.catalog.put_video(*film, cues)
    sync(engine.index, engine.catalog)
    return Searcher(engine.catalog, engine.index, engine.encoder)


def test_fields_name_what_words_come_from(signs: Searcher) -> None:
    assert ids(ask(signs, 'said:"six o\'clock"')) == [15]
    assert ids(ask(signs, "said:exit")) == [18]
    assert ids(ask(signs, "written:EXIT")) == [16]
    assert ids(ask(signs, "written:exit", only="visual")) == [16]
    assert ids(ask(signs, "written:six")) == []
    assert ids(ask(signs, "exit", only="said")) == [18]
    assert ids(ask(signs, "exit", only="written")) == [16]
    assert ids(ask(signs, "said:six", only="written")) == ids(ask(signs, "said:six"))
    assert ids(ask(signs, "a red dog written:exit")) == [16]
    assert ids(ask(signs, "said:six THEN written:exit")) == [15, 16]
    assert ids(ask(signs, "written:exit THEN said:six")) == [16, 17]
    assert 16 not in ids(ask(signs, "a red dog NOT written:exit", within="/films"))
    assert ids(ask(signs, "has:speech said:mississippi NOT said:clock")) == []
    assert {video for query in ("has:speech", "has:screen-text") for video in ids(ask(signs, query))} == {
        15,
        16,
        17,
        18,
    }


def test_moments_name_the_lines_that_were_found(signs: Searcher) -> None:
    (exit_sign,) = ask(signs, "written:exit")
    assert [(line.source, line.text) for line in exit_sign.lines] == [("screen", "EXIT to Mississippi")]
    assert (exit_sign.start, exit_sign.end) == (11, 13)
    by_both = ask(signs, "exit", only="words", explain=True)
    assert [moment.lines[0].source for moment in by_both] == ["subtitles", "screen"]  # recognised text counts less
    assert [moment.why and (moment.why.said, moment.why.written) for moment in by_both] == [
        (("exit",), ()),
        ((), ("exit",)),
    ]
    assert exit_sign.basis == "written"
    assert exit_sign.lines[0].marked("[", "]") == "[EXIT] to Mississippi"


def test_what_is_spelled_nearly_so_comes_after_what_is_spelled_so(signs: Searcher) -> None:
    found = ask(signs, "Mississippi", only="words")
    assert ids(found) == [15, 16, 17]
    assert found[-1].lines[0].text == "six clocks of missisipi"
    assert ids(ask(signs, "said:mississippi")) == [15, 17]
    assert ids(ask(signs, 'said:"mississippi"')) == [15]  # a phrase is exact
    assert [hit.confidence for hit in found[-1].hits] < [hit.confidence for hit in found[0].hits]
