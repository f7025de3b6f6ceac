"""The text of a video: subtitles in it and beside it."""
