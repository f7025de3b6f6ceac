"""Models by name: folders, lock files, model cards and downloads."""
