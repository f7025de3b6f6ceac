"""Suffixes of video files."""

from __future__ import annotations

VIDEO_SUFFIXES = frozenset(
    """
    .264 .265 .3g2 .3gp .3gpp .amv .apng .asf .av1 .avi .divx .dv .f4v .flv .gif .gxf .h261 .h263 .h264 .h265 .hevc
    .insv .ivf .m1v .m2p .m2t .m2ts .m2v .m4v .mj2 .mjpeg .mjpg .mk3d .mkv .mod .mov .mp2v .mp4 .mp4v .mpe .mpeg .mpg
    .mpv .mts .mxf .nsv .nut .obu .ogm .ogv .ogx .qt .rm .rmvb .roq .swf .tod .trp .ts .vc1 .vob .vp8 .vp9 .webm
    .wmv .wtv .y4m
    """.split()  # noqa: SIM905, one name a line says nothing more
)
