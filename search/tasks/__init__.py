"""What is said of one video: summary, chapters, labels."""
