from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from indexer.media.frames import MediaError
from indexer.workers.decoders import Decoders
from store.types import Cue
from tests.support.media import DATA, add_subtitles, greys, quarters, render, sound

SRT = "1\n00:00:00,500 --> 00:00:01,000\nHello\n"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks after processes in /proc")
LIMIT = 120.0  # seconds; children start slowly on a busy machine


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Four videos with 1 to 4 chunks of frames."""
    folder = tmp_path_factory.mktemp("videos")
    return [render(folder / f"{n}.mp4", frames=32 * n, fps=2, paint=quarters(64, 48)) for n in (1, 2, 3, 4)]


@pytest.fixture
def decoders():
    with Decoders(workers=2, short_side=64, timeout_seconds=LIMIT) as decoders:
        yield decoders


def frames_of(stream):
    return sum(len(frames) for frames, _ in stream)


def outcome(stream):
    """The number of frames, or what was wrong."""
    try:
        return frames_of(stream)
    except MediaError as error:
        return str(error)


def pids(decoders):
    return [child._process.pid for child in decoders._processes]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_files_come_in_order_and_whole(videos, decoders):
    found = [(stream.path, frames_of(stream)) for stream in decoders.streams(videos)]
    assert found == [(path, 32 * n) for n, path in enumerate(videos, 1)]


def test_frames_arrive_as_they_were_decoded(videos, decoders):
    for stream in decoders.streams(videos[:1]):
        frames, cuts = next(iter(stream))
        assert frames.pts_seconds == pytest.approx(np.arange(32) / 2)
        assert frames.data.flags.writeable
        assert np.abs(greys(frames.data) - np.arange(32) * 4).max() <= 3
        assert cuts == [False] * 32


def test_header_tells_the_video_and_its_subtitles(tmp_path, decoders):
    beside = render(tmp_path / "a.mp4")
    (tmp_path / "a.en.srt").write_text(SRT + "\n2\nnever --> 00:00:02,000\nlost\n")
    (tmp_path / "a.vtt").mkdir()
    within = add_subtitles(render(tmp_path / "v.mkv", codec_options={"bf": "0"}), tmp_path / "b.mkv", SRT)
    first, second = (stream.header for stream in decoders.streams([beside, within]))
    assert (first.info.width, first.info.height, first.info.codec) == (160, 96, "h264")
    assert first.cues == [Cue(0.5, 1.0, "Hello", "en")]
    assert first.malformed_cues == 1
    assert first.problems == ["a.vtt: Is a directory", "a.en.srt: left out: line 6 (its times cannot be read)"]
    assert second.cues == [Cue(0.5, 1.0, "Hello", "eng")]


@pytest.mark.parametrize("workers", [1, 2])
def test_children_are_recycled_and_nothing_is_lost(videos, workers, monkeypatch):
    monkeypatch.setattr("indexer.workers.process._JOBS_OF_A_PROCESS", 2)
    with Decoders(workers=workers, short_side=64, timeout_seconds=LIMIT) as decoders:
        before = pids(decoders)
        found = [(stream.path, frames_of(stream)) for stream in decoders.streams([*videos, *videos])]
        assert found == [(path, 32 * n) for path, n in zip([*videos, *videos], [1, 2, 3, 4] * 2, strict=True)]
        assert not set(pids(decoders)) & set(before)


def test_paths_are_consumed_a_few_ahead(videos, decoders):
    asked = []
    for stream in decoders.streams(asked.append(path) or path for path in videos):
        assert len(asked) == min(len(videos), videos.index(stream.path) + 3)


def test_excerpt(videos, decoders):
    for stream in decoders.streams([videos[3]], start_seconds=10.0, end_seconds=12.0):
        ((frames, _),) = stream
        assert frames.pts_seconds.tolist() == [10.0, 10.5, 11.0, 11.5]


def test_a_stream_left_half_read_does_not_disturb_the_next(videos):
    with Decoders(workers=1, short_side=64, timeout_seconds=LIMIT) as decoders:
        before = pids(decoders)
        for stream in decoders.streams([videos[3], videos[2], videos[3], videos[1]]):
            if stream.path == videos[3]:
                next(iter(stream))
                continue
            assert frames_of(stream) == 32 * (1 + videos.index(stream.path))
        ahead = decoders.streams(reversed(videos))
        stream = next(ahead)
        ahead.close()
        assert outcome(stream) == "the stream is closed"
        assert [frames_of(stream) for stream in decoders.streams(videos)] == [32, 64, 96, 128]
        assert pids(decoders) == before


def test_what_is_no_video_costs_only_itself(tmp_path, videos, decoders):
    (tmp_path / "text.mp4").write_text("no video")
    paths = [sound(tmp_path / "a.mp3"), videos[0], tmp_path / "text.mp4", videos[1]]
    assert [outcome(stream) for stream in decoders.streams(paths)] == [
        "no video stream: audio only (mp3)",
        32,
        "not a media file, or too damaged to be opened",
        64,
    ]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_costs_one_file(videos, number):
    with Decoders(workers=1, short_side=64, timeout_seconds=LIMIT) as decoders:
        found = []
        for stream in decoders.streams([videos[3], videos[0], videos[1]]):
            if stream.path == videos[3]:
                next(iter(stream))
                os.kill(pids(decoders)[0], number)
            found.append(outcome(stream))
        reason = f"the decoder crashed (signal {number}), perhaps out of memory (limit 4096 MiB)"
        assert found == [reason, 32, 64]


def test_a_stall_costs_one_file(videos):
    with Decoders(workers=1, short_side=64, timeout_seconds=LIMIT) as decoders:
        found = []
        for stream in decoders.streams([videos[3], videos[0]]):
            if stream.path == videos[3]:
                assert stream.header.info.codec == "h264"
                (child,) = decoders._processes
                os.kill(pids(decoders)[0], signal.SIGSTOP)
                while child._channel.ready(0.2):  # what it had sent before
                    child._connection.recv_bytes()
                child._timeout_seconds = 0.1
                found.append(outcome(stream))
                child._timeout_seconds = LIMIT
            else:
                found.append(outcome(stream))
        assert found == ["the decoder did not answer for 0 s", 32]


def test_a_memory_bomb_costs_one_file(tmp_path, videos):
    """A GIF of 60 bytes that wants a canvas of 1 GB."""
    side = (16000).to_bytes(2, "little")
    dot = b"\x2c" + bytes(4) + b"\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    bomb = tmp_path / "bomb.gif"
    bomb.write_bytes(b"GIF89a" + side + side + b"\x80\x00\x00" + bytes(3) + b"\xff\xff\xff" + dot + dot + b"\x3b")
    with Decoders(workers=1, short_side=64, timeout_seconds=LIMIT, memory_bytes=2**30) as decoders:
        found = [outcome(stream) for stream in decoders.streams([bomb, videos[0]])]
    assert found == ["out of memory (limit 1024 MiB)", 32]


def test_mistakes_are_logged_and_told(videos, caplog):
    with Decoders(fps=0, timeout_seconds=LIMIT) as decoders:
        assert [outcome(stream) for stream in decoders.streams(videos[:1])] == [
            "unexpected ZeroDivisionError: division by zero"
        ]
    assert "Traceback" in caplog.text


def test_children_end_with_the_context(videos):
    descriptors = len(os.listdir("/proc/self/fd"))
    with Decoders(workers=2, timeout_seconds=LIMIT) as decoders:
        children = pids(decoders)
        for stream in decoders.streams(videos):
            next(iter(stream))
            break
        os.kill(children[1], signal.SIGKILL)
    assert not any(map(alive, children))
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1  # multiprocessing keeps one for its resource tracker


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_children_end_with_the_parent(videos, number):
    program = """
        import sys
        from pathlib import Path
        from indexer.workers.decoders import Decoders
        if __name__ == "__main__":
            with Decoders(workers=2) as decoders:
                for stream in decoders.streams(map(Path, sys.argv[1:])):
                    next(iter(stream))
                    print(*(child._process.pid for child in decoders._processes), flush=True)
                    sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, reversed(videos))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        assert all(map(alive, children))
        parent.send_signal(number)
        parent.wait(LIMIT)
        assert parent.stdout.read() == b""  # at its end only when every process that held it is gone
    assert not any(map(alive, children))


def test_a_script_needs_no_guard(tmp_path, videos):
    """Children that ran the script again would start children of their own."""
    program = """
        import sys
        from pathlib import Path
        from indexer.workers.decoders import Decoders
        with Decoders() as decoders:
            for stream in decoders.streams(map(Path, sys.argv[1:])):
                print(sum(len(frames) for frames, _ in stream))
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(program), encoding="utf-8")
    done = subprocess.run([sys.executable, script, videos[0]], capture_output=True, text=True, check=True)
    assert done.stdout == "32\n"


def test_neither_side_imports_what_it_does_not_need():
    program = (
        "import sys, indexer.workers.decoders; print({'torch', 'faiss', 'decord', 'av', 'cv2'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"


def test_workers_must_be_some():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Decoders(workers=0)


def test_every_odd_file_gives_frames_or_a_reason():
    folder = DATA / "odd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    paths = sorted(folder.iterdir())
    with Decoders(workers=2, short_side=64, timeout_seconds=30.0) as decoders:
        found = {stream.path.name: outcome(stream) for stream in decoders.streams(paths)}
    assert list(found) == [path.name for path in paths]
    readable = [name for name, what in found.items() if isinstance(what, int) and what > 0]
    assert len(readable) >= 50
    assert not any("unexpected" in str(what) or "crashed" in str(what) for what in found.values())
    assert found["041_bear.flac"] == "no video stream: audio only (flac)"
    assert found["114_circle.gif"] == 5
