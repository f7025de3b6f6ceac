"""The pool of child processes that serve requests."""

import threading

import pytest

from indexer.workers.pool import DecoderPool, PoolClosed
from tests.support.media import render


@pytest.fixture
def pool():
    made = DecoderPool(size=2, timeout_seconds=120.0)
    yield made
    made.close()


def test_children_are_kept_and_not_shared(pool: DecoderPool, tmp_path):
    video = render(tmp_path / "a.mp4", frames=25)
    with pool.taken() as first, pool.taken() as second:
        assert first is not second
        assert len(next(second.stills(video, [0.5]))) == 1
    with pool.taken() as again:
        assert again in (first, second)
        counts = [sum(len(frames) for frames, _ in stream) for stream in again.streams([video], fps=4.0)]
        assert counts == [4]  # of one second; the rate belongs to the job


def test_a_third_request_waits(pool: DecoderPool):
    served = threading.Event()

    def ask() -> None:
        with pool.taken():
            served.set()

    with pool.taken():
        with pool.taken():
            thread = threading.Thread(target=ask)
            thread.start()
            assert not served.wait(0.3)
        assert served.wait(60)
    thread.join()


def test_a_request_that_fails_costs_its_child(pool: DecoderPool):
    with pytest.raises(RuntimeError), pool.taken() as failed:
        raise RuntimeError
    with pool.taken() as other:
        assert other is not failed


def test_a_closed_pool_serves_nobody(pool: DecoderPool):
    with pool.taken():
        pool.close()
    with pytest.raises(PoolClosed), pool.taken():
        pass
