from __future__ import annotations

import codecs

import pytest

from indexer.text.subtitles import SubtitleError, read_embedded, read_sidecar
from store.types import Cue
from tests.support.media import DATA, add_subtitles, render

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
    cues, malformed = read_sidecar(path)
    return [cue.text for cue in cues], malformed


def test_cues_have_times_text_and_language(tmp_path):
    cues, malformed = read_sidecar(written(tmp_path / "film.en.forced.srt", SRT))
    assert cues == [Cue(1.0, 2.5, "Hello there", "en"), Cue(3.0, 4.0, "Bye", "en")]
    assert malformed == 0
    assert read_sidecar(written(tmp_path / "film.web.srt", SRT))[0][0].language == ""


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
    cues, malformed = read_sidecar(data("mediaelement.srt"))
    assert cues[0] == Cue(0.1, 4.0, "HTML5 <video> and <audio> was supposed to be awesome, powerful, and fun.")
    assert malformed == 0
    assert texts(data("friday.vtt"))[0][2] == "Tell me, is the lord of the universe in?"
    assert texts(data("wwa_captions_ja.vtt"))[0][0] == "[ 音楽 ]"


def test_unreadable_files_are_told(tmp_path):
    with pytest.raises(SubtitleError, match="No such file"):
        read_sidecar(tmp_path / "a.srt")
    large = tmp_path / "b.srt"
    with large.open("wb") as file:
        file.truncate(30 * 2**20)
    with pytest.raises(SubtitleError, match="larger than 20 MiB: 30 MiB"):
        read_sidecar(large)


def test_embedded_tracks(tmp_path):
    video = render(tmp_path / "v.mkv", frames=100, codec_options={"bf": "0"})
    path = add_subtitles(video, tmp_path / "a.mkv", SRT, SRT.replace("Bye", "Tschüss"), languages=["eng", "ger"])
    cues, malformed = read_embedded(path)
    assert [cue for cue in cues if cue.language == "eng"] == [
        Cue(1.0, 2.5, "Hello there", "eng"),
        Cue(3.0, 4.0, "Bye", "eng"),
    ]
    assert cues[3].text == "Tschüss"
    assert malformed == 0


def test_video_without_tracks_has_no_cues(tmp_path):
    assert read_embedded(render(tmp_path / "a.mp4")) == ([], 0)


def test_embedded_times_count_from_the_first_picture():
    path = DATA / "odd" / "046_sample_with_overlapping_srt.mkv"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    cues, _ = read_embedded(path)
    assert [round(cue.start, 3) for cue in cues] == [0.033, 0.083, 0.133]
    assert cues[0].text == "First subtitle - end overlaps second"
