"""The catalog: the SQLite file of a library."""
