"""What runs a backbone: pixels in, features out."""

from model.compat import declare_missing_operators

declare_missing_operators()
