"""Commands that are too long for `search.cli`, one in a file."""
