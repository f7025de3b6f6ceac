"""The models there are, by name: their folders, their lock files, their downloads."""
