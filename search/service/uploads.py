"""/uploads: clips and pictures to search by, which are looked at once and not kept."""

from __future__ import annotations

from indexer.clip import Clip
from search.service.problems import Refusal
from search.service.recent import Recent

_MOST = 64  # uploads that are remembered: some 200 KB each


class Uploads:
    """What was uploaded last, as vectors."""

    def __init__(self) -> None:
        self._recent = Recent[Clip](_MOST)

    def clip(self, token: str) -> Clip:
        """What an upload shows; a 404 where it is not remembered."""
        clip = self._recent.get(token)
        if clip is None:
            raise Refusal(404, "this upload is not remembered; send it again")
        return clip
