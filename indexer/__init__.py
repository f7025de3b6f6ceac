"""Files -> segments -> rows: discovery, decoding in child processes, shots, subtitles, and the pipeline over them."""
