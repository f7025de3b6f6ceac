"""Encoders: frames, segments and texts to vectors of one space, and what is made with these alone."""
