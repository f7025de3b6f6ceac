"""Frames and subtitles -> segments, features and embeddings."""
