"""The command line, one command or one group of them in a file; only it prints and exits."""

from search.cli.app import app

__all__ = ["app"]
