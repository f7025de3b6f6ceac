"""Queries -> moments: the engine, the Python API (`Library`) and the command line."""

__version__ = "0.1.0"  # the only one: pyproject.toml, the service, MCP and --version read it

TYPE_CHECKING = False  # as of `typing`, which takes long to import
if TYPE_CHECKING:
    from search.library import Library

__all__ = ["Library", "__version__"]


def __getattr__(name: str) -> object:
    """Import the API when it is asked for: the command line starts without it, and can be interrupted at once."""
    if name != "Library":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search.library import Library

    return Library
