"""What two stretches of video have to do with each other, by how alike their frames are and how alike they change.

Frames of one scene are alike at any time; only copies change alike from frame to frame. The thresholds were read from
`python -m benchmarks.alignment fit`, which makes copies of clips in many ways and prints where the kinds part.
"""

from __future__ import annotations

from typing import Literal

from search.clips.alignment import Alignment

Kind = Literal["copy", "near copy", "same scene", "similar"]

SCENE = 0.56  # similarity from which two stretches show one scene
CHANGES = 0.36  # agreement from which they are copies, and not two stretches of one scene
COPY = 0.89  # similarity of a copy that was only encoded anew, cut or marked

_STILL = 0.985  # similarity from which stretches in which nothing changes count as copies
_FEWEST = 3  # frames that have to change alike; of fewer, any two do


def kind(alignment: Alignment | None, *, edited: bool = False) -> Kind:
    """Name the kinship of two stretches.

    "copy": the same pictures at the same pace, perhaps encoded anew, scaled, cut out or marked with a logo. "near
    copy": the same recording, but cropped, mirrored, framed by bars, faster, slower, or filmed from a screen. "same
    scene": another take, or another moment of the same shot. "similar": nothing more than what a search finds.

    Args:
        edited: whether the query had to be mirrored or trimmed to match.
    """
    if alignment is None or alignment.similarity < SCENE:
        return "similar"
    untouched = alignment.speed == 1.0 and not edited
    changing = alignment.agreement >= CHANGES and alignment.frames >= _FEWEST
    if untouched and alignment.similarity >= (COPY if changing else _STILL):
        return "copy"
    return "near copy" if changing else "same scene"
