"""Nearest neighbours of vectors; an index is a cache of what the catalog holds."""
