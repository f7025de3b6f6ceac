"""The command line as a user meets it, with the model that comes with the program."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from search.cli.app import app
from search.library import trash
from tests.support.media import render

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    render(folder / "first.mp4", frames=75)
    render(folder / "second.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (250, 250, 0), np.uint8))
    (folder / "first.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nnow let me show you the blender\n")
    (folder / "broken.mp4").write_bytes(b"not a video at all")
    return folder


@pytest.fixture(scope="module")
def library(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    assert run("index", films, "--library", folder).exit_code == 3
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(command: str):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert (
        f"`videobert {command}" in (ROOT / "README.md").read_text()
        or f"`{command}`" in (ROOT / "README.md").read_text()
    )


def test_every_exit_code_is_documented():
    readme = (ROOT / "README.md").read_text()
    assert "Exit codes: `0` done, `1`" in readme
    assert all(f"`{code}`" in readme for code in (0, 1, 2, 3, 4, 130))


def test_indexing_reports_what_it_did(films: Path, tmp_path: Path):
    result = run("index", films, "--library", tmp_path)
    assert result.exit_code == 3
    assert result.stdout.startswith("Indexed 2 videos, 1 failed.\n")
    assert "seconds of video per second" in result.stdout
    assert f"{films / 'broken.mp4'}: " in result.stdout
    again = run("index", films, "--library", tmp_path)
    assert again.exit_code == 0
    assert again.stdout.startswith("2 unchanged, 1 failed before")


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(tmp_path: Path):
    for number in range(20):
        render(tmp_path / f"{number}.mp4", frames=25 + number)
    command = [Path(sys.executable).with_name("videobert"), "index", tmp_path, "--library", tmp_path / "library"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("[1/20]")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    held = json.loads(run("list", "--library", tmp_path / "library", "--json").stdout)
    assert 1 <= len(held) < 20
    assert run("index", tmp_path, "--library", tmp_path / "library").exit_code == 0
    assert len(json.loads(run("list", "--library", tmp_path / "library", "--json").stdout)) == 20


def test_search_as_json_and_only_json(library: Path, tmp_path: Path):
    result = run("search", "a yellow wall", "--library", library, "--json", "--thumbnails", tmp_path)
    assert result.exit_code == 0
    moments = json.loads(result.stdout)
    assert {Path(moment["path"]).name for moment in moments} == {"first.mp4", "second.mp4"}
    assert all(moment["start"] < moment["end"] <= 3.1 and -1 <= moment["score"] <= 1 for moment in moments)
    assert all(Path(moment["thumbnail"]).read_bytes().startswith(b"\xff\xd8") for moment in moments)


def test_search_for_people(library: Path, films: Path):
    result = run("search", "blender", "--library", library, "--top", "1", "--within", films / "first.mp4")
    first, text, *_ = result.stdout.splitlines()  # then what its frames show
    assert "first.mp4  0:00–0:0" in first
    assert "now let me show you the blender" in text


def test_similar_says_where(library: Path, films: Path):
    found = json.loads(run("similar", f"{films / 'second.mp4'}@0.5-1.5", "--library", library, "--json").stdout)
    assert Path(found[0]["path"]).name == "second.mp4"
    assert "match" not in found[0]  # a wall of one colour shows nothing that could match
    by_number = json.loads(run("similar", found[0]["segment"], "--library", library, "--json").stdout)
    assert [Path(moment["path"]).name for moment in by_number] == ["first.mp4"]


def test_duplicates_are_listed_dismissed_and_moved_to_the_trash(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    twins = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for twin in twins:
        twin.write_bytes((films / "first.mp4").read_bytes())
    assert run("index", tmp_path, films / "second.mp4", "--library", tmp_path / "library").exit_code == 0
    (cluster,) = json.loads(run("duplicates", "--library", tmp_path / "library", "--json").stdout)
    assert [(Path(each["path"]).name, each["keep"]) for each in cluster["videos"]] == [
        ("one.mp4", True),
        ("two.mp4", False),
    ]
    assert (cluster["kind"], cluster["bytes_saved"]) == ("copy", twins[0].stat().st_size)
    said = run("duplicates", "--library", tmp_path / "library").stdout
    assert "1 video could be deleted" in said
    assert "Nothing was deleted." in said
    assert all(twin.exists() for twin in twins)
    there = ("--library", tmp_path / "library")
    assert run("duplicates", "--dismiss", twins[1], twins[0], *there).stdout.endswith("are not the same (#1).\n")
    assert run("duplicates", *there).stdout == "No duplicates.\n"
    assert [Path(line).name for line in run("duplicates", "--dismissed", *there).stdout.split()] == [
        "#1",
        "one.mp4",
        "two.mp4",
    ]
    (pair,) = json.loads(run("duplicates", "--dismissed", "--json", *there).stdout)
    assert (pair["id"], [len(paths) for paths in pair["paths"]]) == (1, [2, 2])
    for wrong in (("--dismiss", twins[0], tmp_path / "no.mp4"), ("--dismiss", twins[0], twins[0]), ("--forget", "7")):
        assert run("duplicates", *wrong, *there).exit_code == 1
    assert run("duplicates", "--dismissed", "--forget", "1", *there).exit_code == 2
    assert run("duplicates", "--forget", "1", *there).stdout == "Forgot dismissal #1.\n"
    assert "1 video could be deleted" in run("duplicates", *there).stdout
    monkeypatch.setattr(trash, "_send", lambda path: Path(path).unlink())
    assert run("duplicates", "--trash", twins[1], *there).exit_code == 1  # nobody says yes
    assert run("duplicates", "--trash", twins[0], "--yes", *there).exit_code == 1  # the one to keep
    assert run("duplicates", "--yes", *there).exit_code == 2
    assert all(twin.exists() for twin in twins)
    assert "Moved to the trash" in run("duplicates", "--trash", twins[1], "--yes", *there).stdout
    assert not twins[1].exists()
    assert run("duplicates", *there).stdout == "No duplicates.\n"
    nowhere = run("duplicates", "--library", tmp_path / "empty")
    assert (nowhere.exit_code, "no library at" in nowhere.stderr) == (1, True)
    assert not (tmp_path / "empty").exists()
    assert run("duplicates", "--min-seconds", "0", "--library", tmp_path / "empty").exit_code == 2


@pytest.mark.parametrize("command", [("search", "a yellow wall"), ("similar", "1"), ("searches", "run", "walls")])
def test_found_moments_are_exported(library: Path, tmp_path: Path, command: tuple[str, ...]):
    assert run("search", "a yellow wall", "--save", "walls", "--library", library).exit_code == 0
    result = run(*command, "--library", library, "--json", "--export", tmp_path / "found.json")
    assert result.exit_code == 0
    assert (tmp_path / "found.json").read_text() == result.stdout
    assert run(*command, "--library", library, "--export", tmp_path / "found.edl").exit_code == 0
    assert "* FROM CLIP NAME: second.mp4" in (tmp_path / "found.edl").read_text()


def test_an_export_of_an_unknown_kind_is_wrong_usage(library: Path, tmp_path: Path):
    result = run("search", "a yellow wall", "--library", library, "--export", tmp_path / "found.doc")
    assert result.exit_code == 2
    assert ".otio" in result.stderr


def test_found_moments_are_cut_out(library: Path, tmp_path: Path):
    result = run("search", "type:mp4", "--library", library, "--json", "--cut", tmp_path)
    assert result.exit_code == 0
    films = [Path(row["film"]) for row in json.loads(result.stdout)]
    assert [film.name[:4] for film in films] == ["001-", "002-"]
    assert sorted(tmp_path.iterdir()) == films
    told = run("similar", "1", "--library", library, "--cut", tmp_path)
    assert str(tmp_path / "001-second-0m00s.mp4") in told.stdout


def test_a_moment_that_cannot_be_cut_is_said(films: Path, tmp_path: Path):
    gone = films.parent / "gone.mp4"
    gone.write_bytes((films / "second.mp4").read_bytes())
    run("index", gone, "--library", tmp_path / "library")
    gone.unlink()
    result = run("search", "type:mp4", "--library", tmp_path / "library", "--cut", tmp_path / "cut")
    assert result.exit_code == 3
    assert f"{gone}: the file is gone" in result.stderr


def test_list_show_failures_status(library: Path, films: Path):
    videos = json.loads(run("list", "--library", library, "--json").stdout)
    assert [Path(video["path"]).name for video in videos] == ["first.mp4", "second.mp4"]
    shown = run("show", films / "first.mp4", "--library", library).stdout
    assert "0:03" in shown
    assert "now let me show you the blender" in shown
    segment = json.loads(run("show", films / "first.mp4", "--library", library, "--json").stdout)["segments"][0]["id"]
    assert run("show", segment, "--library", library).stdout == shown
    assert str(films / "broken.mp4") in run("failures", "--library", library).stdout
    status = json.loads(run("status", "--library", library, "--json").stdout)
    assert (status["videos"], status["failures"], status["library"]) == (2, 1, str(library))
    assert status["model"].startswith("videobert-mini-")


def test_remove_forgets_a_video_and_leaves_the_file(films: Path, tmp_path: Path):
    run("index", films / "second.mp4", "--library", tmp_path)
    assert run("remove", films / "second.mp4", "--library", tmp_path).stdout == "Removed 1 video from the library.\n"
    assert json.loads(run("search", "anything", "--library", tmp_path, "--json").stdout) == []
    assert (films / "second.mp4").exists()
    assert run("remove", films / "second.mp4", "--library", tmp_path).exit_code == 1


def test_doctor_is_content_with_this_machine(library: Path):
    result = run("doctor", "--library", library)
    assert result.exit_code == 0
    assert result.stdout.count("ok ") == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "  "], "at least one word"),
        (["similar", "/nowhere/film.mp4"], "/nowhere/film.mp4"),
        (["similar", "film.mp4@9-3"], "must end after it starts, got 9-3"),
        (["similar", "999999"], "no segment 999999"),
        (["show", "/nowhere/film.mp4"], "holds no video /nowhere/film.mp4"),
    ],
)
def test_bad_input_is_one_clear_line_on_stderr(library: Path, arguments: list[str], message: str):
    result = run(*arguments, "--library", library)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_version():
    assert run("--version").stdout.strip() == "0.1.0"


def test_wrong_usage_is_exit_code_2():
    assert run("search").exit_code == 2
    assert run("search", "a dog", "--top", "0").exit_code == 2


def test_a_file_that_is_no_library_is_refused(tmp_path: Path):
    (tmp_path / "catalog.sqlite").write_text("something else entirely, long enough to be read as a header" * 20)
    result = run("list", "--library", tmp_path)
    assert result.exit_code == 1
    assert "catalog.sqlite" in result.stderr


def test_listing_loads_nothing_heavy(library: Path):
    code = (
        "import sys; from typer.testing import CliRunner; from search.cli import app;"
        f"assert CliRunner().invoke(app, ['list', '--library', {str(library)!r}]).exit_code == 0;"
        "print(sorted({'torch', 'transformers', 'faiss', 'decord', 'av', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
