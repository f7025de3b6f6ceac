"""Training: options, data, objectives, the loop and the states of a run."""

from model.compat import declare_missing_operators

declare_missing_operators()
