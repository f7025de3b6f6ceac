"""What browsers play, as far as container and codec tell; how files are sent to them."""

from __future__ import annotations

from store.types import Video

_PLAYED = {
    "mov": {"h264", "vp9", "av1"},
    "matroska": {"vp8", "vp9", "av1"},
}
# Never what the name of the file says: a browser must not take a video for a page.
_TYPES = {
    "mov": "video/mp4",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "ogg": "video/ogg",
    "asf": "video/x-ms-asf",
    "flv": "video/x-flv",
    "gif": "image/gif",
}


def is_playable(video: Video) -> bool:
    """Whether browsers usually play a video as it is; its sound, and colours of more than 8 bits, may still hinder."""
    return video.codec in _PLAYED.get(_family(video), ())


def media_type(video: Video) -> str:
    """The type that a file is sent as."""
    if _family(video) == "matroska" and is_playable(video):
        return "video/webm"
    return _TYPES.get(_family(video), "application/octet-stream")


def _family(video: Video) -> str:
    """The first of the names that FFmpeg has for a container: "mov" of "mov,mp4,m4a,3gp,3g2,mj2"."""
    return video.container.split(",")[0]
