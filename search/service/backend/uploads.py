"""Uploaded clips and pictures: embedded once, the files are not kept."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, Literal

import anyio
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from indexer.features.clip import Bounds, Clip, TooMuch, read_clip, read_picture
from indexer.media.container import MediaError
from indexer.workers.decoders import Decoders
from indexer.workers.pool import DecoderPool
from model.encoder.contract import Encoder
from search.engine.engine import Engine
from search.service.backend.cache import LruCache
from search.service.backend.errors import ApiError
from search.service.backend.leftovers import prefix, sweep
from search.service.backend.settings import Settings

DRAFTS = "videobert-upload-"

_MAX_UPLOADS = 64  # remembered, about 300 KB each
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_LONGEST_NAME = 200


class Upload(BaseModel):
    """An uploaded clip or picture."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"upload": "ZJ34MLuJJoYIqSXdP0T3Qw", "kind": "clip", "name": "clip.mp4", "seconds": 8.0}]
        }
    )
    upload: str = Field(description="Token for /search and /similar.")
    kind: Literal["clip", "picture"]
    name: str
    seconds: float = Field(description="Of the clip; 0 for a picture.")


class Uploads:
    """Features of the most recent uploads, by token."""

    def __init__(self, settings: Settings, engine: Engine, decoders: DecoderPool) -> None:
        self._engine = engine
        self._bounds = Bounds(settings.upload_seconds, settings.decode_seconds)
        self._most_bytes = settings.upload_bytes
        self._recent = LruCache[tuple[str, Clip]](_MAX_UPLOADS)
        self._decoders = decoders
        sweep(Path(gettempdir()), DRAFTS)
        self.looking = anyio.CapacityLimiter(1)

    def look(self, file: IO[bytes], name: str, start: float | None, end: float | None) -> Upload:
        """Decode a file in a child process and compute its features.

        Args:
            file: positioned at the beginning.
            name: given by the client.
            start: seconds; the beginning if None.
            end: seconds; the end if None.

        Raises:
            ApiError: it is too large or too long (413), not a picture or video (415), or cannot be decoded (422).
        """
        encoder = self._engine.searcher().encoder
        with self._kept(file, name) as path, self._decoders.taken() as decoders:
            try:
                kind, clip = self._read(path, encoder, decoders, start, end)
            except TooMuch as error:
                raise ApiError(413, str(error)) from error
            except MediaError as error:
                reason = str(error).replace(f"{path}: ", "").replace(str(path), "the file")
                raise ApiError(415 if error.stage == "open" else 422, reason) from error
        token = secrets.token_urlsafe(16)
        self._recent.put(token, (encoder.fingerprint, clip))
        return Upload(upload=token, kind=kind, name=_shown(name), seconds=0.0 if kind == "picture" else _length(clip))

    def clip(self, token: str) -> Clip:
        """Return the features of an upload. Raises ApiError (404) if it is unknown or expired."""
        cached = self._recent.get(token)
        if cached is None or cached[0] != self._engine.searcher().encoder.fingerprint:
            raise ApiError(404, "This upload has expired; send it again.")
        return cached[1]

    def forget(self, token: str) -> None:
        """Delete an upload. Raises ApiError (404) if it is unknown or expired."""
        if not self._recent.drop(token):
            raise ApiError(404, "No such upload.")

    @contextmanager
    def _kept(self, file: IO[bytes], name: str) -> Iterator[Path]:
        """Write the content to a temporary file; only the suffix of its name is used."""
        suffix = Path(name).suffix.lower()
        with TemporaryDirectory(prefix=prefix(DRAFTS)) as folder:
            path = Path(folder) / f"upload{suffix if _SUFFIX.fullmatch(suffix) else ''}"
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            if path.stat().st_size > self._most_bytes:
                raise ApiError(413, f"The file has more than {self._most_bytes:,} bytes.")
            yield path

    def _read(
        self, path: Path, encoder: Encoder, decoders: Decoders, start: float | None, end: float | None
    ) -> tuple[Literal["clip", "picture"], Clip]:
        """Read a file as a clip, or else as a picture."""
        try:
            return "clip", read_clip(path, encoder, start=start, end=end, decoders=decoders, bounds=self._bounds)
        except MediaError as no_clip:
            if no_clip.stage != "open":
                raise
            try:
                return "picture", read_picture(path, encoder, decoders=decoders)
            except MediaError as no_picture:
                if no_picture.stage != "open":
                    raise
                raise MediaError(f"{no_clip}; {no_picture}", stage="open") from None


def _length(clip: Clip) -> float:
    gaps = np.diff(clip.pts_seconds)
    return float(clip.pts_seconds[-1] - clip.pts_seconds[0] + (np.median(gaps) if len(gaps) else 0.5))


def _shown(name: str) -> str:
    """Return the last component of a file name, as valid text."""
    return re.split(r"[/\\]", name)[-1][:_LONGEST_NAME].encode("utf-8", "replace").decode()
