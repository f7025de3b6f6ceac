"""Tensors in, tensors out: the VideoBERT network, its training, and the Encoder that the rest of the house uses."""
