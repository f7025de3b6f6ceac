"""Subtitles and queries -> token ids and mask, with the WordPiece tokenizer of the checkpoint folder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

TOKENIZER_FILE = "tokenizer.json"


class TextTokenizer:
    """A tokenizer without special tokens: the model itself builds `[CLS] words [>] frames [SEP]`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer

    @classmethod
    def from_folder(cls, folder: Path) -> TextTokenizer:
        """Read `tokenizer.json`; FileNotFoundError names the folder if it is missing."""
        path = folder / TOKENIZER_FILE
        if not path.is_file():
            raise FileNotFoundError(f"no {TOKENIZER_FILE} in {folder}: not a checkpoint folder")
        return cls(Tokenizer.from_file(str(path)))

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` into a checkpoint folder."""
        self.tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)

    def __call__(self, texts: list[str], *, max_tokens: int) -> tuple[Tensor, Tensor]:
        """Tokenize texts and truncate each to `max_tokens`.

        Returns:
            Ids int64 (N, L) and mask bool (N, L); L is the longest of the batch, 0 if every text is empty.
        """
        rows = [encoding.ids[:max_tokens] for encoding in self.tokenizer.encode_batch(texts, add_special_tokens=False)]
        length = max((len(row) for row in rows), default=0)
        ids = torch.zeros(len(rows), length, dtype=torch.int64)
        mask = torch.zeros(len(rows), length, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
            mask[i, : len(row)] = True
        return ids, mask
