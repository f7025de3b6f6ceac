"""Tasks on one video: summary, chapters, labels."""
