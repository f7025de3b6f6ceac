"""Worker processes that read untrusted media."""
