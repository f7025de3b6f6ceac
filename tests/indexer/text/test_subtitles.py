from __future__ import annotations

import codecs
import os

import pytest

from indexer.media.container import probe
from indexer.text.cues import CueTrack
from indexer.text.sidecars import Sidecar
from indexer.text.substation import dialogue_words
from indexer.text.subtitles import SubtitleError, Subtitles, read_embedded, read_sidecar
from store.types import Cue
from tests.support.media import DATA, add_pictured_subtitles, add_subtitles, render

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n"


def data(name):
    path = DATA / "subtitles" / name
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(path):
    track = read_sidecar(Sidecar(path))
    return [cue.text for cue in track.cues], track.malformed


def test_cues_have_times_text_and_language(tmp_path):
    track = read_sidecar(Sidecar(written(tmp_path / "film.en.forced.srt", SRT), "en", "forced"))
    cues = [Cue(1.0, 2.5, "Hello there", "en", kind="forced"), Cue(3.0, 4.0, "Bye", "en", kind="forced")]
    assert track == CueTrack(cues)


def test_malformed_cues_are_counted_and_the_rest_is_kept(tmp_path):
    broken = SRT + (
        "\n3\nsoon --> 00:00:06,000\nlost\n\n4\n00:00:09,000 --> 00:00:08,000\nbackwards\n\n"
        "5\n00:10 --> 00:11\nno hours\n6\n00:00:12.5 --> 00:00:13 align:start\nno gap\n\n"
        "7\n00:00:14,000 --> 00:00:15,000\n \n"
    )
    assert texts(written(tmp_path / "a.srt", broken)) == (["Hello there", "Bye", "no hours", "no gap"], 2)


def test_webvtt(tmp_path):
    vtt = (
        "WEBVTT\nLanguage: en\n\nNOTE not shown\n\nSTYLE\n::cue {}\n\nid\n00:01.000 --> 00:02.000 line:80%\n"
        "<v Ann>Tom &amp; <00:01.500><c.red>Jerry</c>\nrun\n"
    )
    assert texts(written(tmp_path / "a.vtt", vtt)) == (["Tom & Jerry\nrun"], 0)


@pytest.mark.parametrize("suffix", [".ass", ".ssa"])
def test_substation_alpha(tmp_path, suffix):
    text = (
        "[Script Info]\nTitle: x\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,Two\n"
        "Dialogue: 0,soon\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\b1}One,\\Nand a half{\\b0}\n"
        "Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\n"
    )
    assert texts(written(tmp_path / f"a{suffix}", text)) == (["One,\nand a half", "Two"], 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
def test_encodings(tmp_path, encoding):
    text = SRT.replace("Bye", "Добрый день")
    raw = codecs.BOM_UTF16_BE + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    assert texts(written(tmp_path / "a.srt", raw)) == (["Hello there", "Добрый день"], 0)


def test_real_files():
    assert texts(data("gb2312.srt")) == (
        ["宇宙守护神 保护我们远离邪恶", "他能徒手抓住子弹 拦住疾速的火车", "轻轻一跳就能飞跃高楼"],
        0,
    )
    assert texts(data("captions_with_bom.vtt"))[0][0] == "Caption text #1"
    assert texts(data("cue_tags.vtt"))[0] == ["When the moon hits your eye", "Like a big-a pizza pie", "That's amore"]
    assert texts(data("empty.vtt")) == ([], 0)
    assert len(texts(data("invalid.vtt"))[0]) == 7
    track = read_sidecar(Sidecar(data("mediaelement.srt")))
    assert track.cues[0] == Cue(0.1, 4.0, "HTML5 <video> and <audio> was supposed to be awesome, powerful, and fun.")
    assert track.malformed == 0
    assert texts(data("friday.vtt"))[0][2] == "Tell me, is the lord of the universe in?"
    assert texts(data("wwa_captions_ja.vtt"))[0][0] == "[ 音楽 ]"


def test_unreadable_files_are_told(tmp_path):
    with pytest.raises(SubtitleError, match="No such file"):
        read_sidecar(Sidecar(tmp_path / "a.srt"))
    large = tmp_path / "b.srt"
    with large.open("wb") as file:
        file.truncate(30 * 2**20)
    with pytest.raises(SubtitleError, match="larger than 20 MiB: 30 MiB"):
        read_sidecar(Sidecar(large))


def test_embedded_tracks(tmp_path):
    video = render(tmp_path / "v.mkv", frames=100, codec_options={"bf": "0"})
    path = add_subtitles(video, tmp_path / "a.mkv", SRT, SRT.replace("Bye", "Tschüss"), languages=["eng", "ger"])
    track = read_embedded(path)
    assert [cue for cue in track.cues if cue.language == "eng"] == [
        Cue(1.0, 2.5, "Hello there", "eng"),
        Cue(3.0, 4.0, "Bye", "eng"),
    ]
    assert track.cues[3].text == "Tschüss"
    assert track.malformed == 0


def test_video_without_tracks_has_no_cues(tmp_path):
    assert read_embedded(render(tmp_path / "a.mp4")) == CueTrack()


def test_embedded_times_count_from_the_first_picture():
    path = DATA / "odd" / "046_sample_with_overlapping_srt.mkv"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    cues = read_embedded(path).cues
    assert [round(cue.start, 3) for cue in cues] == [0.033, 0.083, 0.133]
    assert cues[0].text == "First subtitle - end overlaps second"


def lines(count, words="line"):
    return "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{words} {n}\n\n" for n in range(1, count + 1))


def read(video):
    return Subtitles().read(video, probe(video))


def test_each_track_keeps_its_language_and_kind(tmp_path):
    video = render(tmp_path / "film.mp4", frames=100)
    for name, words in {"en": "hello", "de": "hallo", "en.forced": "sign", "en.sdh": "noise"}.items():
        written(tmp_path / f"film.{name}.srt", lines(2, words))
    found = {(cue.language, cue.kind, cue.text) for cue in read(video).cues if cue.start == 1.0}
    assert found == {
        ("en", "", "hello 1"), ("de", "", "hallo 1"), ("en", "forced", "sign 1"), ("en", "sdh", "noise 1"),
    }  # fmt: skip


def test_a_line_of_two_tracks_in_one_language_counts_once(tmp_path):
    video = render(tmp_path / "film.mp4", frames=100)
    written(tmp_path / "film.en.srt", lines(3))
    written(tmp_path / "film.en-orig.srt", lines(3).replace(",000", ",200").replace("line", "LINE"))
    written(tmp_path / "film.eng.sdh.srt", lines(3) + "4\n00:00:04,000 --> 00:00:05,000\n[door]\n")
    written(tmp_path / "film.de.srt", lines(3))
    cues = read(video).cues
    assert [(cue.language, cue.text) for cue in cues if cue.language != "de"] == [
        ("en", "line 1"), ("en", "line 2"), ("en", "line 3"), ("eng", "[door]"),
    ]  # fmt: skip
    assert len([cue for cue in cues if cue.language == "de"]) == 3


def test_forced_files_do_not_hide_full_tracks(tmp_path):
    plain = render(tmp_path / "v.mkv", frames=100)
    video = add_subtitles(plain, tmp_path / "film.mkv", SRT, SRT.replace("Bye", "Ade"), languages=["eng", "ger"])
    written(tmp_path / "film.en.forced.srt", lines(1, "sign"))
    assert {cue.text for cue in read(video).cues} == {"sign 1", "Hello there", "Bye", "Ade"}
    written(tmp_path / "film.en.srt", lines(1, "beside"))
    found = {(cue.language, cue.text) for cue in read(video).cues}
    assert found == {("en", "sign 1"), ("en", "beside 1"), ("ger", "Hello there"), ("ger", "Ade")}


@pytest.mark.parametrize("hours", [1, 10])
def test_an_hour_on_the_tape_is_taken_off(tmp_path, hours):
    video = render(tmp_path / "film.mp4", frames=100)
    written(tmp_path / "film.srt", lines(3).replace("00:00:0", f"{hours:02}:00:0"))
    track = read(video)
    assert [cue.start for cue in track.cues] == [1.0, 2.0, 3.0]
    assert track.problems == [f"film.srt: its times begin at {hours}:00:00, which is taken off"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"one\Ntwo\hthree\nfour", "one\ntwo three\nfour"),
        (r"{\p1}m 0 0 l 9 9 9 0{\p0}", ""),
        (r"{\an7\p2}m 0 0 b 1 2 3 4 5 6", ""),
        (r"{\pos(10,20)\p1}m 0 0 l 1 1{\p0}sign{\pbo3}post", "signpost"),
        (r"{\k20}ka{\kf30}ra{\ko15}o{\K10}ke", "karaoke"),
        (r"{\fnArial\b1}bold{\r} {a note}word", "bold word"),
        (r"{\t(0,500,\fscx120)}grow", "grow"),
        (r"\{braces\}", "{braces}"),
    ],
)
def test_words_of_substation_alpha(tmp_path, text, words):
    assert dialogue_words(text) == words
    ass = (
        "[Script Info]\nScriptType: v4.00+\n\n"
        "[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        f"Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}\n"
        f"Dialogue: 1,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}\n"
    )
    beside = written(tmp_path / "film.ass", ass)
    wanted = [words] if words else []
    assert [cue.text for cue in read_sidecar(Sidecar(beside)).cues] == wanted
    plain = render(tmp_path / "v.mkv", frames=100)
    embedded = add_subtitles(plain, tmp_path / "film.mkv", ass, languages=["eng"], format="ass")
    assert [cue.text for cue in read_embedded(embedded).cues] == wanted


@pytest.mark.parametrize("codec", ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"])
def test_tracks_of_pictures_are_said_to_be(tmp_path, codec):
    video = add_pictured_subtitles(render(tmp_path / "v.mkv", frames=50), tmp_path / "film.mkv", codec)
    track = read(video)
    assert track.cues == []
    assert len(track.problems) == 1
    assert "holds pictures, which are not read" in track.problems[0]


def test_the_stamp_stays_until_a_file_beside_the_video_changes(tmp_path):
    video = render(tmp_path / "video.mp4", frames=10)
    assert Subtitles().stamp(video) == ""
    file = written(video.with_suffix(".srt"), SRT)
    before = Subtitles().stamp(video)
    assert before == Subtitles().stamp(video) != ""
    os.utime(file, (1e9, 1e9))
    assert Subtitles().stamp(video) != before


def test_tracks_count_where_files_hold_no_cue(tmp_path):
    video = add_subtitles(render(tmp_path / "plain.mp4", frames=125), tmp_path / "tracks.mkv", SRT)
    info = probe(video)
    embedded = Subtitles().read(video, info).cues
    assert [cue.text for cue in embedded] == ["Hello there", "Bye"]
    file = written(video.with_suffix(".srt"), SRT.replace("Hello <i>there</i>", "Beside"))
    assert [cue.text for cue in Subtitles().read(video, info).cues] == ["Beside", "Bye"]
    written(file, "1\n00:00:09,000 --> bad\nx\n")
    track = Subtitles().read(video, info)
    assert (track.cues, track.malformed) == (embedded, 1)
