"""`Library`, the Python API."""

from search.library.library import Library

__all__ = ["Library"]
