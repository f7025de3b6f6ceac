"""A parsed request to ranked moments."""
