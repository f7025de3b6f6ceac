"""What is asked: the query language, requests and times."""
