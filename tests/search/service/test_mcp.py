"""The library as tools for assistants, through the client of the protocol's own SDK."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model.encoder.contract import Encoder
from model.encoder.load import load
from search import Library
from tests.support.media import quarters, render

anyio = pytest.importorskip("anyio")
mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp.client import Client  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

from search.service.mcp import server  # noqa: E402

PATIENCE_SECONDS = 180.0
SUBTITLES = "1\n00:00:00,000 --> 00:00:02,000\na red dog\n"


@pytest.fixture
def encoder(tiny_checkpoint: Path) -> Encoder:
    """Of a folder whose name a server can be given."""
    return load(tiny_checkpoint)


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder) -> Iterator[Library]:
    films = tmp_path / "films"
    films.mkdir()
    render(films / "one.mp4", frames=75)
    render(films / "two.mp4", frames=50, paint=quarters(step=1))
    (films / "one.srt").write_text(SUBTITLES)
    with Library(tmp_path / "library", encoder=encoder) as held:
        held.index([films])
        yield held


def talk(to: Any, say: Callable[[Client], Awaitable[Any]]) -> Any:
    """Connect a client to a server, and what it learns."""

    async def conversation() -> Any:
        with anyio.fail_after(PATIENCE_SECONDS):
            async with Client(to) as client:
                return await say(client)

    return anyio.run(conversation)


def call(library: Library, tool: str, **arguments: Any) -> Any:
    return talk(server(library), lambda client: client.call_tool(tool, arguments))


def picture(content: Any) -> Image.Image:
    assert (content.type, content.mime_type) == ("image", "image/jpeg")
    return Image.open(io.BytesIO(base64.b64decode(content.data)))


def test_an_assistant_sees_tools_of_which_one_writes(library: Library):
    tools = talk(server(library), lambda client: client.list_tools()).tools
    assert sorted(tool.name for tool in tools) == ["collect", "reels", "search", "show", "similar", "storyboard"]
    for tool in tools:
        assert tool.description
        assert tool.annotations.read_only_hint == (tool.name != "collect")
        assert all("description" in field for field in tool.input_schema["properties"].values())


def test_an_assistant_collects_moments(library: Library):
    segment = library.catalog.segments.ids().tolist()[0]
    kept = call(library, "collect", reel="best", what=segment, note="good", tags=["b-roll"]).structured_content
    assert kept["reel"] == "best"
    (moment,) = call(library, "reels", name="best").structured_content["result"]
    assert (moment["id"], moment["note"], moment["tags"]) == (kept["id"], "good", ["b-roll"])
    (reel,) = call(library, "reels").structured_content["result"]
    assert (reel["name"], reel["moments"]) == ("best", 1)
    assert call(library, "reels", name="worst").is_error


def test_search_gives_moments_with_times_and_numbers(library: Library):
    result = call(library, "search", query="red dog", top=1)
    assert not result.is_error
    said = result.structured_content
    assert json.loads(result.content[0].text) == said
    (moment,) = said["moments"]
    assert Path(moment["path"]).name == "one.mp4"
    assert moment["start"] < moment["end"] <= 3.1
    assert said["verdict"] in ("match", "unsure")
    assert moment["clock"].startswith("0:0")
    assert library.show(moment["segment"])[0].path == moment["path"]


def test_search_knows_the_query_language_and_folders(library: Library, tmp_path: Path):
    found = call(library, "search", query="type:mp4", within=str(tmp_path / "films" / "two.mp4")).structured_content
    assert {Path(moment["path"]).name for moment in found["moments"]} == {"two.mp4"}
    assert call(library, "search", query="in:nowhere").structured_content == {"verdict": "nothing", "moments": []}


@pytest.mark.parametrize("number", [1, "1", "#1"])
def test_similar_takes_a_segment(library: Library, number: int | str):
    found = call(library, "similar", clip=number).structured_content["moments"]
    assert found
    assert all(moment["segment"] != 1 for moment in found)


def test_similar_takes_a_part_of_a_file(library: Library, tmp_path: Path):
    found = call(library, "similar", clip=f"{tmp_path / 'films' / 'one.mp4'}@0-1", top=1).structured_content["moments"]
    assert len(found) == 1


def test_show_gives_segments_and_of_one_its_picture(library: Library, tmp_path: Path):
    (about,) = call(library, "show", what=str(tmp_path / "films" / "one.mp4")).content
    facts = json.loads(about.text)
    assert facts["duration"] == pytest.approx(3.0, abs=0.05)
    assert facts["segments"][0]["text"] == "a red dog"
    assert facts["segments_left_out"] == 0
    facts, seen = call(library, "show", what=facts["segments"][0]["id"], start=1000).content
    assert json.loads(facts.text)["segments"] == []
    assert picture(seen).size[0] > 32


def test_storyboard_is_a_picture_and_its_times(library: Library, tmp_path: Path):
    facts, seen = call(library, "storyboard", video=str(tmp_path / "films" / "one.mp4"), frames=3).content
    assert 1 <= len(json.loads(facts.text)["keyframes"]) <= 3
    assert picture(seen).size[0] >= 216


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("search", {"query": "  "}, "at least one word"),
        ("search", {"query": "longer:soon"}, "longer"),
        ("search", {"query": "a dog", "top": 0}, "greater than or equal to 1"),
        ("similar", {"clip": 999999}, "no segment 999999"),
        ("similar", {"clip": "/nowhere/film.mp4"}, "/nowhere/film.mp4"),
        ("show", {"what": "/nowhere/film.mp4"}, "holds no video /nowhere/film.mp4"),
        ("storyboard", {"video": "/etc/passwd"}, "holds no video /etc/passwd"),
    ],
)
def test_what_goes_wrong_is_told_to_the_assistant(library: Library, tool: str, arguments: dict[str, Any], message: str):
    result = call(library, tool, **arguments)
    assert result.is_error
    assert message in result.content[0].text


def test_over_pipes_nothing_but_the_protocol_is_on_standard_output(
    library: Library, tiny_checkpoint: Path, tmp_path: Path
):
    """The client of the SDK fails on a line that is no message; similar also has a child process decode."""
    library.close()
    command = StdioServerParameters(
        command=str(Path(sys.executable).with_name("videobert")),
        args=["--verbose", "mcp", "--library", str(tmp_path / "library"), "--model", str(tiny_checkpoint)],
        env=dict(os.environ),
    )
    film = str(tmp_path / "films" / "one.mp4")

    async def say(client: Client) -> list[Any]:
        return [
            await client.call_tool("search", {"query": "dog"}),
            await client.call_tool("similar", {"clip": f"{film}@0-1"}),
            await client.call_tool("storyboard", {"video": film, "frames": 2}),
        ]

    found, alike, seen = talk(stdio_client(command), say)
    assert found.structured_content["moments"]
    assert alike.structured_content["moments"]
    assert picture(seen.content[1]).size[0] >= 216


@pytest.mark.slow
def test_the_server_ends_with_its_input(tmp_path: Path):
    command = [Path(sys.executable).with_name("videobert"), "mcp", "--library", tmp_path]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path):
    code = (
        "import sys; sys.modules['mcp'] = None; from search.cli import app;"
        f"app(['mcp', '--library', {str(tmp_path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 1
    assert 'pip install "videobert-search[mcp]"' in done.stderr
    assert done.stdout == ""
