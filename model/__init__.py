"""Tensors in, tensors out: the VideoBERT network, its training, and the Encoder that the rest of the house uses.

Importing this package imports torch, and makes a CUDA build of torchvision importable beside a CPU build of torch; that
must happen before anything imports torchvision or transformers, which is why it stands here.
"""

from model.compat import declare_missing_operators

declare_missing_operators()
