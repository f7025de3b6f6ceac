"""Annotation files: small ones written here in the published formats, and the published ones where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.evaluation.annotations import FORMATS, Asks, Query, locate, read_annotations

MSRVTT = "key,vid_key,video_id,sentence\nret0,msr9770,video9770,a person is talking\nret1,msr9771,video9771,\n"
YOUCOOK2 = 'end,start,task,text,video_id\n60,47,226,"pick, then wash",xHr8\n12,40,226,backwards,xHr8\nsoon,1,2,x,y\n'
MSVD = json.dumps({"-4ws_5_15": ["a squirrel eats", "a chipmunk eats"], "bad_1_2": "no list", "other_0_4": ["a dog"]})
DIDEMO = json.dumps(
    [
        {"video": "a@N01_1.mov", "description": "the man bends", "times": [[1, 2], [1, 1], [1, 2], [4, 5]]},
        {"video": "a@N01_1.mov", "description": "he leaves", "times": [[5, 5]]},
        {"video": "b.3gp", "description": "nobody agreed", "times": []},
        {"video": "c.mp4", "description": "wrong way round", "times": [[3, 1]]},
    ]
)
QVHIGHLIGHTS = (
    '{"qid": 1, "query": "A girl cooks.", "duration": 150, "vid": "NU_210.0_360.0", "relevant_windows": [[82, 150]]}\n'
    '{"qid": 2, "query": "Both.", "vid": "NU_60.0_210.0", "relevant_windows": [[0, 10], [20, 31.5]]}\n'
    "not json\n"
    '{"qid": 3, "query": "No times", "vid": "NU"}\n'
)
OWN = (
    '{"video": "a.mp4", "caption": "a dog"}\n\n'
    '{"video": "b.mp4", "caption": "a cat\u2028sleeps", "start": 1.5, "end": 4}\n'
    '{"video": "b.mp4", "caption": "twice", "windows": [[0, 1], [2, 3]]}\n'
    '{"video": "b.mp4", "caption": "no end", "start": 3}\n'
    '{"video": "", "caption": "nameless"}\n'
    "[1, 2]\n"
)


def read(folder: Path, text: str, **options: object):
    file = folder / "annotations"
    file.write_text(text, encoding="utf-8")
    return read_annotations(file, **options)


def test_msrvtt(tmp_path: Path):
    found = read(tmp_path, MSRVTT)
    assert (found.format, found.asks) == ("msrvtt", Asks.VIDEO)
    assert found.queries == (Query("a person is talking", "video9770"),)
    assert found.problems == ("annotations, line 3: the text must be a string with a word in it, got ''",)


def test_youcook2(tmp_path: Path):
    found = read(tmp_path, YOUCOOK2)
    assert (found.format, found.asks) == ("youcook2", Asks.CLIP)
    assert found.queries == (Query("pick, then wash", "xHr8", ((47.0, 60.0),)),)
    assert found.problems == (
        "annotations, line 3: a window starts at 0 or later and ends after it starts, got 40 to 12",
        "annotations, line 4: times are seconds, got '1' to 'soon'",
    )


def test_msvd_and_its_split(tmp_path: Path):
    found = read(tmp_path, MSVD)
    assert found.format == "msvd"
    assert [query.text for query in found.queries] == ["a squirrel eats", "a chipmunk eats", "a dog"]
    assert found.videos == ["-4ws_5_15", "other_0_4"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("annotations, video bad_1_2: ")
    split = tmp_path / "test.txt"
    split.write_text("other_0_4\nnot_annotated\n")
    assert read(tmp_path, MSVD, only=split).videos == ["other_0_4"]


def test_didemo_takes_the_window_its_annotators_agree_on(tmp_path: Path):
    found = read(tmp_path, DIDEMO)
    assert (found.format, found.asks) == ("didemo", Asks.PARAGRAPH)
    assert found.queries == (
        Query("the man bends", "a@N01_1.mov", ((5.0, 15.0),)),
        Query("he leaves", "a@N01_1.mov", ((25.0, 30.0),)),
    )
    assert found.problems == (
        "annotations, row 3: at least one annotator must have chosen a window, got []",
        "annotations, row 4: a window starts at 0 or later and ends after it starts, got 3 to 2",
    )


def test_qvhighlights(tmp_path: Path):
    found = read(tmp_path, QVHIGHLIGHTS)
    assert found.format == "qvhighlights"
    assert found.queries[1] == Query("Both.", "NU_60.0_210.0", ((0.0, 10.0), (20.0, 31.5)))
    assert [problem.split(":")[0] for problem in found.problems] == ["annotations, line 3", "annotations, line 4"]
    assert "expected a row with vid query relevant_windows" in found.problems[1]


def test_own(tmp_path: Path):
    found = read(tmp_path, OWN)
    assert found.format == "own"
    assert found.queries == (
        Query("a dog", "a.mp4"),
        Query("a cat\u2028sleeps", "b.mp4", ((1.5, 4.0),)),
        Query("twice", "b.mp4", ((0.0, 1.0), (2.0, 3.0))),
    )
    assert [problem.split(":")[0] for problem in found.problems] == [f"annotations, line {n}" for n in (5, 6, 7)]
    assert "times are seconds, got 3 to None" in found.problems[0]


def test_own_as_a_list_of_clips_and_as_a_single_line(tmp_path: Path):
    clips = json.dumps([{"clip": "000.mp4", "caption": "a brown bear", "source": "x"}])
    assert read(tmp_path, clips).queries == (Query("a brown bear", "000.mp4"),)
    assert read(tmp_path, OWN.splitlines()[0]).queries == (Query("a dog", "a.mp4"),)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path):
    assert read(tmp_path, "\ufeff" + MSRVTT).format == "msrvtt"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n", {}, "in none of the formats msrvtt, msvd, youcook2, didemo, qvhighlights, own"),
        ("", {}, "in none of the formats"),
        ("{}", {}, "in none of the formats"),
        (OWN, {"format": "coco"}, "the format is one of msrvtt.*got 'coco'"),
        (
            OWN,
            {"format": "msrvtt"},
            "no usable row; the first problem is: .*line 1: expected a row with video_id sentence",
        ),
    ],
)
def test_a_file_without_a_usable_row_is_refused(tmp_path: Path, text: str, options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, **options)


@pytest.mark.parametrize(
    ("file", "format", "texts", "videos"),
    [
        ("msrvtt/MSRVTT_JSFUSION_test.csv", "msrvtt", 1000, 1000),
        ("msvd/captions_msvd.first100.json", "msvd", 3743, 100),
        ("youcook2/validation_youcook.csv", "youcook2", 3350, 436),
        ("didemo/val_data.first200.json", "didemo", 200, 181),
        ("qvhighlights/highlight_val_release.first200.jsonl", "qvhighlights", 200, 192),
    ],
)
def test_published_files_are_read_whole(data: Path, file: str, format: str, texts: int, videos: int):
    found = read_annotations(data / "formats" / file)
    assert (found.format, len(found.queries), len(found.videos)) == (format, texts, videos)
    assert found.problems == ()
    assert all(query.windows for query in found.queries) == (format in ("youcook2", "didemo", "qvhighlights"))


def test_files_are_found_by_path_name_or_stem(tmp_path: Path):
    for name in ("one.mp4", "deep/two.webm", "NU_210.0_360.0.mkv", "a@N01_1.mp4", "b/same.mp4", "a/same.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = ["one.mp4", "deep/two.webm", "two", "NU_210.0_360.0", "a@N01_1.mov", "same", "b/same", "three", "NU_210"]
    found, missing = locate(names, tmp_path)
    assert missing == ["three", "NU_210"]
    assert {name: str(path.relative_to(tmp_path)) for name, path in found.items()} == {
        "one.mp4": "one.mp4",
        "deep/two.webm": "deep/two.webm",
        "two": "deep/two.webm",
        "NU_210.0_360.0": "NU_210.0_360.0.mkv",
        "a@N01_1.mov": "a@N01_1.mp4",
        "same": "a/same.mp4",
        "b/same": "b/same.mp4",
    }
    with pytest.raises(ValueError, match="must be in a folder, got "):
        locate(names, tmp_path / "one.mp4")


def test_every_format_is_documented():
    guide = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text()
    assert all(f"`{name}`" in guide for name in FORMATS)
