"""The catalog: the SQLite file of a library, which is the truth."""
