"""Encoders: frames, segments and texts to vectors of one space, and what is made with these alone."""

from model.compat import declare_missing_operators

declare_missing_operators()
