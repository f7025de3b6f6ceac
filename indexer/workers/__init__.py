"""Child processes that read untrusted media."""
