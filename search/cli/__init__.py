"""The command line, one command or one group of them in a file; only it prints and exits."""

import signal
from contextlib import suppress

_before = signal.getsignal(signal.SIGINT)
with suppress(ValueError):  # only the main thread may say so
    if _before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before there is anything to stop leaves no traceback

from search.cli.app import app  # noqa: E402

with suppress(ValueError):
    if _before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _before)

__all__ = ["app"]
