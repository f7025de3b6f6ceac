"""Queries -> moments: the engine, the Python API (`Library`) and the command line."""

from search.library import Library

__all__ = ["Library"]
