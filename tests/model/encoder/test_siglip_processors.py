"""What SigLIP is fed, against transformers' own processors: texts, pictures of one size, pictures of any shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    GemmaTokenizer,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Processor,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
    SiglipTextConfig,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from model.encoder.load import load
from model.encoder.two_tower import TwoTowerEncoder

PAD, EOS, WORDS = 0, 1, 64  # as SigLIP 2 has them
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXTS = [
    "a photo of a dog",
    "A Photo Of A DOG",
    "ÉTÉ À LA PLAGE, Ελληνικά!",
    "two  spaces\tand\nlines",
    "日本の猫",
    "a dog " * 60,
    "?",
]
SHAPES = [(40, 56), (224, 224), (90, 160), (160, 90), (7, 500), (1, 1)]  # height and width


def save_siglip2(kind: str, folder: Path) -> Path:
    """A tiny SigLIP 2 with the processors of the hub's: "fixed" takes squares of 224 pixels, "naflex" any shape."""
    torch.manual_seed(0)
    pieces = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<mask>": 4}
    letters = dict.fromkeys("▁abcdefghijklmnopqrstuvwxyz,?!éàABCDEFGHIJKLMNOPQRSTUVWXYZÉÀ")
    pieces |= {piece: len(pieces) + i for i, piece in enumerate([f"<0x{byte:02X}>" for byte in range(256)])}
    pieces |= {piece: len(pieces) + i for i, piece in enumerate([*letters, "do", "dog"])}
    bpe = Tokenizer(models.BPE(pieces, [("d", "o"), ("do", "g")], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bpe.post_processor = processors.TemplateProcessing("$A <eos>", special_tokens=[("<eos>", EOS)])
    text = SMALL | {"vocab_size": len(pieces), "max_position_embeddings": WORDS, "projection_size": 16}
    text |= {"pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": 2}
    text = SiglipTextConfig(**text).to_dict()
    folder = folder / kind
    named = {"padding_side": "right", "model_input_names": ["input_ids"], "model_max_length": WORDS}
    if kind == "fixed":
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=SMALL | {"image_size": 224, "patch_size": 16}))
        look = SiglipImageProcessor(image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2)
        tokenizer = GemmaTokenizer(tokenizer_object=bpe, **named)
    else:
        vision = SMALL | {"patch_size": 16, "num_patches": 256}
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
        look, tokenizer = Siglip2ImageProcessor(), Siglip2Tokenizer(tokenizer_object=bpe, **named)
    model.save_pretrained(folder)
    look.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    bpe.save(str(folder / "tokenizer.json"))
    return folder


def own_processor(kind: str, folder: Path):
    return (SiglipProcessor if kind == "fixed" else Siglip2Processor).from_pretrained(folder)


def fed(module: torch.nn.Module) -> list[dict]:
    """The arguments by name of every call of a module from now on."""
    calls: list[dict] = []
    module.register_forward_pre_hook(lambda module, args, kwargs: calls.append(kwargs), with_kwargs=True)
    return calls


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (3, height, width), dtype=np.uint8)


def loaded(folder: Path) -> TwoTowerEncoder:
    encoder = load(folder)
    assert isinstance(encoder, TwoTowerEncoder)
    return encoder


@pytest.mark.parametrize("kind", ["fixed", "naflex"])
def test_texts_are_lower_case_and_padded_to_64(kind: str, tmp_path: Path):
    folder = save_siglip2(kind, tmp_path)
    encoder = loaded(folder)
    calls = fed(encoder.model.text_model)
    embedded = encoder.embed_text(TEXTS)
    (call,) = calls
    assert call.get("attention_mask") is None  # it was trained without one
    processor = own_processor(kind, folder)
    # The tokenizer of the fixed size is Gemma's, which leaves capitals to its caller.
    texts = TEXTS if kind == "naflex" else [text.lower() for text in TEXTS]
    expected = processor(text=texts, padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt")
    assert call["input_ids"].shape == (len(TEXTS), WORDS)
    assert call["input_ids"].tolist() == expected["input_ids"].tolist()
    ids = call["input_ids"].tolist()
    assert ids[0] == ids[1]
    assert ids[0][-1] == PAD
    dog = encoder.tokenizer.convert_tokens_to_ids("dog")
    assert ids[0][ids[0].index(EOS) - 1] == dog
    assert ids[5][-1] == EOS  # a long text loses its end, not the mark of it
    with torch.inference_mode():
        points = AutoModel.from_pretrained(folder).eval().get_text_features(expected["input_ids"]).pooler_output
    np.testing.assert_allclose(embedded, torch.nn.functional.normalize(points, dim=-1).numpy(), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_pictures_are_scaled_to_224_by_224_and_to_minus_1_to_1(shape: tuple[int, int], tmp_path: Path):
    folder = save_siglip2("fixed", tmp_path)
    encoder, seen = loaded(folder), picture(*shape)
    assert encoder.image_size == 224
    calls = fed(encoder.model.vision_model)
    encoder.features(np.stack([seen, 255 - seen]))
    pixels = calls[0]["pixel_values"]
    assert (pixels.shape, pixels.dtype) == ((2, 3, 224, 224), torch.float32)
    images = [Image.fromarray(each.transpose(1, 2, 0)) for each in (seen, 255 - seen)]
    expected = own_processor("fixed", folder)(images=images, return_tensors="pt")["pixel_values"]
    assert torch.equal(pixels, expected)
    by_pillow = SiglipImageProcessorPil.from_pretrained(folder)(images, return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(pixels, by_pillow, atol=2.5 / 255)  # pixels of 0..255 that are rounded differently
    assert pixels.min() >= -1
    assert pixels.max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_naflex_keeps_the_shape_of_a_picture(shape: tuple[int, int], tmp_path: Path):
    folder = save_siglip2("naflex", tmp_path)
    encoder, seen = loaded(folder), picture(*shape)
    assert encoder.image_size == 256
    calls = fed(encoder.model.vision_model)
    features = encoder.features(np.stack([seen, 255 - seen]))
    images = [Image.fromarray(each.transpose(1, 2, 0)) for each in (seen, 255 - seen)]
    expected = own_processor("naflex", folder)(images=images, return_tensors="pt")
    by_pillow = Siglip2ImageProcessorPil.from_pretrained(folder)(images, return_tensors="pt")
    (call,) = calls
    assert torch.equal(call["pixel_values"], expected["pixel_values"])
    assert call["pixel_attention_mask"].tolist() == expected["pixel_attention_mask"].tolist()
    assert call["spatial_shapes"].tolist() == expected["spatial_shapes"].tolist()
    np.testing.assert_allclose(call["pixel_values"], by_pillow["pixel_values"], atol=2.5 / 255)
    rows, columns = call["spatial_shapes"][0].tolist()
    assert rows * columns <= 256
    if min(shape) > 1:
        assert (rows > columns, rows < columns) == (shape[0] > shape[1], shape[0] < shape[1])
    with torch.inference_mode():
        points = AutoModel.from_pretrained(folder).eval().get_image_features(**expected).pooler_output
    cosines = torch.nn.functional.cosine_similarity(points, torch.from_numpy(features).float())
    assert float(cosines.min()) > 0.999


@pytest.mark.parametrize("kind", ["fixed", "naflex"])
def test_a_folder_that_newer_processors_saved_is_read_too(kind: str, tmp_path: Path):
    folder, seen = save_siglip2(kind, tmp_path), picture(40, 56)[None]
    before = load(folder).features(seen)
    own_processor(kind, folder).save_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()  # they write processor_config.json alone
    np.testing.assert_array_equal(load(folder).features(seen), before)
