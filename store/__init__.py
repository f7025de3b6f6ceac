"""Rows and vectors: the catalog in SQLite, which is the truth, and the vector index in FAISS, which is a cache."""
