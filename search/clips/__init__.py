"""Query by clip, and videos that show the same."""
