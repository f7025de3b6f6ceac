"""Storage: the catalog in SQLite, which is the truth, and the vector index, a cache of its embeddings."""
