"""How a service ends."""

from __future__ import annotations

import signal

import pytest
from fastapi import FastAPI

from search.service.server import Server


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGTERM, 25), (signal.SIGINT, 5)])
def test_answers_that_have_begun_get_longer_where_nobody_waits(number: int, seconds: int) -> None:
    told: list[str] = []
    server = Server(
        FastAPI(), started=lambda: None, ending=lambda: told.append("ending"), ended=lambda: None, verbose=False
    )
    server.handle_exit(number, None)
    assert (told, server.should_exit, server.force_exit) == (["ending"], True, False)
    assert server.config.timeout_graceful_shutdown == seconds
