"""Queries -> moments: the engine, the Python API (`Library`) and the command line."""

__version__ = "0.1.0"  # the only one: pyproject.toml, the service, MCP and --version read it

from search.library import Library

__all__ = ["Library", "__version__"]
