"""Models of two towers behind the `Encoder` contract: CLIP, SigLIP, SigLIP 2 and X-CLIP, through transformers.

A picture tower and a text tower that meet only in their last vectors (Radford et al. 2021, Zhai et al. 2023, Tschannen
et al. 2025, Ni et al. 2022). How the contract is kept:

- a frame feature is the picture tower's vector of that frame;
- a segment is the mean of its frames' unit vectors. X-CLIP goes on with its own Transformer over time, which takes a
  fixed number of frames: they are drawn evenly from the segment;
- subtitles are not read. The two towers end in different regions of the space (Liang et al. 2022), any text is nearer
  to any other text than to a picture, so a segment with the mean of both would beat silent ones whatever is asked. Only
  a segment without a frame is its words;
- alignment is the cosine of text and segment.

X-CLIP lets the frames of a clip exchange messages while they are looked at. A stored feature must not depend on which
frames were decoded beside it, so each frame is looked at as the still clip of itself; what moves is left to the
Transformer over time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from model.compat import declare_missing_operators, quiet_transformers
from model.encoder.batches import check_pairs, pad, require_words, shown_and_spoken, stack
from model.network.heads import sum_of_units
from model.registry.registry import Located
from model.runtime.hardware import best_device, bf16_is_native

FAMILIES = ("clip", "siglip", "siglip2", "xclip")  # as `model_type` in config.json
_FILES = (  # one of each line
    ("model.safetensors", "model.safetensors.index.json"),
    ("preprocessor_config.json", "processor_config.json"),  # older and newer versions of transformers
    ("tokenizer_config.json",),
)
_AT_ONCE = 64  # texts, or frames


class TwoTowerEncoder:
    """A loaded model of two towers; what is said of each method stands in `Encoder`."""

    fps = 2.0
    clip_frames = 1
    class_names: tuple[str, ...] = ()

    def __init__(self, model: Any, tokenizer: Any, look: Any, *, fingerprint: str) -> None:
        """`look` prepares frames as the picture tower wants them."""
        self.device = best_device()
        self.model = model.eval().to(self.device)
        self.tokenizer, self.look, self.fingerprint = tokenizer, look, fingerprint
        self.name, self.tier, self.folder = "", "in memory", Path()
        config = model.config
        self.temporal = config.model_type == "xclip"
        self.max_frames = config.vision_config.num_frames if self.temporal else None
        if self.temporal:
            for layer in model.vision_model.encoder.layers:
                layer.num_frames = 1  # messages of a still clip are those of a clip of one frame
        self.scale = float(model.logit_scale.detach().exp())
        self.siglip = config.model_type.startswith("siglip")
        self.max_words = int(config.text_config.max_position_embeddings)
        self._bf16 = bf16_is_native(self.device)
        with torch.inference_mode():
            self.dim = self.feature_dim = len(self._read_texts(["a"])[0])
            self.query_bank = np.zeros((0, self.dim), np.float32)

    @classmethod
    def read(cls, place: Located) -> TwoTowerEncoder:
        """Load the model of a located folder.

        Raises:
            FileNotFoundError: the weights, the tokenizer or the picture settings are missing.
            ValueError: the weights are not exactly those of the network that `config.json` describes.
        """
        folder = place.folder
        for names in _FILES:
            if not any((folder / name).is_file() for name in names):
                raise FileNotFoundError(f"no {names[0]} in {folder}: not a model of two towers")
        declare_missing_operators()
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        with quiet_transformers():
            model, found = AutoModel.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            look = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        if found["missing_keys"]:
            raise ValueError(f"{folder} lacks weights of its network: {', '.join(sorted(found['missing_keys']))}")
        digest = hashlib.blake2b("".join(sorted(place.sha256().values())).encode(), digest_size=6)
        encoder = cls(model, tokenizer, look, fingerprint=f"{folder.name}-{digest.hexdigest()}")
        encoder.name, encoder.tier, encoder.folder = place.name, place.tier, folder
        return encoder

    @property
    def image_size(self) -> int:
        """The side of a square picture as the tower looks at it, pixels."""
        if getattr(self.look, "max_num_patches", None):  # any shape, of at most so many patches
            return int(self.look.max_num_patches**0.5) * int(self.look.patch_size)
        size = getattr(self.look, "crop_size", None) or self.look.size
        return int(size["height"] or size["shortest_edge"])

    @property
    def feature_fingerprint(self) -> str:
        """The fingerprint and a precision: towers are trained together, their frame features serve nothing else."""
        return f"{self.fingerprint}:{'bfloat16' if self._bf16 else 'float32'}"

    @torch.inference_mode()
    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (T, 3, H, W) -> float16 (T, F)."""
        rows = [self._look_at(torch.from_numpy(part)) for part in _parts(frames)]
        return stack(rows, self.feature_dim).astype(np.float16)

    def class_probabilities(self, segments: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """(N, 0): towers have no classes."""
        return np.zeros((len(segments), 0), np.float32)

    @torch.inference_mode()
    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, F) and N texts -> (N, D), of the frames alone where there are any."""
        check_pairs(segments, texts)
        shown, spoken = shown_and_spoken(segments, texts)
        embeddings = np.zeros((len(texts), self.dim), np.float32)
        if spoken:
            embeddings[spoken] = self.embed_text([texts[i] for i in spoken])
        points = self.points([segments[i] for i in shown])
        embeddings[shown] = F.normalize(points, dim=-1).cpu().numpy()
        return embeddings

    @torch.inference_mode()
    def points(self, segments: Sequence[NDArray[np.float16]]) -> Tensor:
        """What the picture tower shows of segments: N times (T_i, F), T_i above 0 -> float32 (N, D), of any length."""
        features, mask = pad(segments, self.feature_dim, max_frames=self.max_frames)
        pool = self._over_time if self.temporal else sum_of_units
        rows = [
            pool(torch.from_numpy(features[part]).to(self.device), torch.from_numpy(mask[part]).to(self.device))
            for part in _parts(np.arange(len(segments)))
        ]
        return torch.cat(rows) if rows else torch.zeros(0, self.dim, device=self.device)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts -> (N, D)."""
        require_words(texts)
        rows = [F.normalize(self._read_texts(list(part)).float(), dim=-1) for part in _parts(texts)]
        return stack(rows, self.dim)

    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """The cosine of N pairs of segment and text: (N,)."""
        check_pairs(segments, texts)
        embeddings = self.embed_segments(segments, [""] * len(texts))
        return np.asarray((embeddings * self.embed_text(texts)).sum(axis=1), np.float32)

    def _look_at(self, frames: Tensor) -> Tensor:
        """uint8 (T, 3, H, W) -> (T, F)."""
        prepared = self.look(list(frames), return_tensors="pt", input_data_format="channels_first").to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
            if self.temporal:
                pixels = prepared["pixel_values"].reshape(len(frames), *prepared["pixel_values"].shape[-3:])
                states = self.model.vision_model(pixel_values=pixels).pooler_output
                return self.model.visual_projection(states)  # type: ignore[no-any-return]
            return self.model.get_image_features(**prepared).pooler_output  # type: ignore[no-any-return]

    def _read_texts(self, texts: list[str]) -> Tensor:
        """(N, D) of any length."""
        names = ["input_ids", "attention_mask"]
        padding: bool | str = True
        if self.siglip:  # it was trained on lower-case texts padded to full length, and reads its padding
            texts, padding, names = [text.lower() for text in texts], "max_length", names[:1]
        inputs = self.tokenizer(texts, padding=padding, truncation=True, max_length=self.max_words, return_tensors="pt")
        return self.model.get_text_features(**{name: inputs[name].to(self.device) for name in names}).pooler_output  # type: ignore[no-any-return]

    def _over_time(self, features: Tensor, mask: Tensor) -> Tensor:
        """X-CLIP's Transformer over its number of frames, drawn evenly: (N, T, F), bool (N, T) -> (N, D)."""
        places = torch.linspace(0, 1, self.max_frames, device=mask.device)
        last = mask.sum(dim=1, keepdim=True) - 1  # (N, 1)
        chosen = (places * last).round().long()  # (N, num_frames)
        frames = features.float().gather(1, chosen[..., None].expand(-1, -1, features.shape[2]))
        return self.model.mit(frames).pooler_output  # type: ignore[no-any-return]


def _parts(rows: Any) -> list[Any]:
    """Slices of an array or a sequence that are small enough to work on at once."""
    return [rows[first : first + _AT_ONCE] for first in range(0, len(rows), _AT_ONCE)]
