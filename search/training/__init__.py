"""Training and tuning from media files."""
