"""Tiny random models of two towers, saved the way the hub's are: weights, settings of pictures, and a tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipTextConfig,
    VideoMAEImageProcessor,
    XCLIPConfig,
    XCLIPModel,
)

from model.encoder.over_towers import around, read_towers, stand_on
from model.network import checkpoint

WORDS = ["a", "the", "red", "green", "blue", "square", "circle", "dog", "cat", "moves", "left", "right", "up", "down"]
FAMILIES = ("clip", "siglip", "siglip2", "xclip")
_SMALL = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def save_towers(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a model of a family into a folder named after it."""
    torch.manual_seed(seed)
    size = {"height": 32, "width": 32}
    text = _SMALL | {"vocab_size": 4 + len(WORDS), "max_position_embeddings": 12, "bos_token_id": 2, "eos_token_id": 3}
    text |= {"pad_token_id": 0}
    siglip_text = SiglipTextConfig(**text, projection_size=24)
    vision = _SMALL | {"image_size": 32, "patch_size": 8}
    if family == "clip":
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=20))
        look = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    elif family == "siglip":
        model = SiglipModel(SiglipConfig(text_config=siglip_text.to_dict(), vision_config=vision))
        look = SiglipImageProcessor(size=size)
    elif family == "siglip2":
        patches = {"patch_size": 8, "num_patches": 16}
        model = Siglip2Model(Siglip2Config(text_config=siglip_text.to_dict(), vision_config=_SMALL | patches))
        look = Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    else:
        mit = {"mit_hidden_size": 20, "mit_intermediate_size": 40, "mit_num_hidden_layers": 1}
        moving = vision | mit | {"mit_num_attention_heads": 4, "num_frames": 4, "drop_path_rate": 0.0}
        model = XCLIPModel(
            XCLIPConfig(
                text_config=text, vision_config=moving, projection_dim=20, prompt_layers=1, prompt_num_attention_heads=4
            )
        )
        torch.nn.init.normal_(model.mit.position_embedding)
        look = VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    folder = folder / family
    model.save_pretrained(folder)
    look.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    wordpiece = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer()
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=wordpiece, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def save_over_towers(family: str, start: Path, folder: Path, *, gate: float = 0.0) -> Path:
    """Write a VideoBERT that stands on towers of a family, from a checkpoint folder of VideoBERT.

    Args:
        gate: how far it is open, as its weight.
    """
    model, tokenizer = checkpoint.load(start)
    towers = read_towers(f"towers:{save_towers(family, folder)}")
    model, _ = stand_on(towers, model, {}, seed=0)
    with torch.no_grad():
        model.gate.weight.fill_(gate)
    around(model, tokenizer, towers).save(folder / "over")
    return folder / "over"
