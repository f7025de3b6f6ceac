"""What names and subtitles must not do to a terminal."""

from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from search.cli.terminal import LogFormatter, Terminal, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("a\x9b31mb", r"a\x9b31mb"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x00\x7f\x08", r"\x00\x7f\x08"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("a\u2028b\u2066c", r"a\u2028b\u2066c"),
        ("\udcff", r"\udcff"),
        ("日本 é 👍 [bold]x[/bold]", "日本 é 👍 [bold]x[/bold]"),
    ],
)
def test_what_commands_a_terminal_is_shown(text: str, shown: str):
    assert visible(text) == shown


@given(st.text(alphabet=st.characters()))
def test_nothing_that_is_shown_commands(text: str):
    assert not any(
        ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u2029\u202e" for letter in visible(text)
    )


def test_the_console_and_the_log_show_it():
    file = io.StringIO()
    Terminal(file=file, soft_wrap=True, highlight=False).print("a\x1b[2Jb\nnext", markup=False)
    assert file.getvalue() == "a\\x1b[2Jb\nnext\n"
    assert isinstance(Terminal(), Console)
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", ("\x1bc",), None)
    assert LogFormatter("%(message)s").format(record) == r"\x1bc"
