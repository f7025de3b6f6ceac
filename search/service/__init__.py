"""The service: a library over HTTP, for the page, for other programs and for the command line."""
