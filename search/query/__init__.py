"""The query language, search requests, and times."""
