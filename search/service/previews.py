"""/videos/ID/preview: a form of a video that browsers play."""

from __future__ import annotations

import shutil


class Previews:
    """Films made for browsers, kept in the folder of the library."""

    @property
    def possible(self) -> bool:
        """Whether ffmpeg is there."""
        return shutil.which("ffmpeg") is not None
