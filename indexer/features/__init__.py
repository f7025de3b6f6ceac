"""Frames and subtitles to segments, features and vectors."""
