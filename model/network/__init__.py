"""The VideoBERT network: layers, backbones, weights and checkpoint folders."""

from model.compat import declare_missing_operators

declare_missing_operators()
