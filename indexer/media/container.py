"""Media containers in FFmpeg's demuxer: metadata, video stream, and reasons why a file is not a video.

The indexing process needs only the types in this file. PyAV is therefore imported by the functions that use it, which
run in worker processes (see `indexer.workers.worker`).
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from indexer.media.clock import JUMPING, Clock
from indexer.media.color import is_plain
from indexer.media.files import NotRegularFile, OpenFile, open_file
from indexer.media.filming import filming
from indexer.media.motion_photo import video_offset
from indexer.media.orientation import Orientation
from indexer.media.webp import is_animated_webp, webp_as_video
from store.types import FileIdentity

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_IMAGE_BRANDS = {"avif", "heic", "heix", "heim", "heis", "mif1"}  # ISO/IEC 23008-12: still pictures in MP4 boxes
_NO_VIDEO_FORMATS = {
    "hls": "a playlist, not a video",
    "dash": "a playlist, not a video",
    "concat": "a playlist, not a video",
    "tty": "text, not a video",  # FFmpeg would draw its letters
}
_STILL_CODECS = {"mjpeg", "png", "bmp", "gif", "webp", "tiff"}
# Demuxers that open other files, devices or the network.
_LEADING_ELSEWHERE = set(
    """
    alsa applehttp bluray caca concat dash dc1394 dshow dvdvideo fbdev gdigrab hls iec61883 image2 imf jack kmsgrab
    lavfi libcdio openal oss pulse rtp rtsp sap sdp smoothstreaming sndio vobsub v4l2 video4linux2 vfwcap
    webm_dash_manifest x11grab xcbgrab xv
    """.split()  # noqa: SIM905, one name a line says nothing more
)
# Decoders that may be used. FFmpeg has hundreds more, for games and old formats, which get little maintenance.
_CODECS = frozenset(
    """
    amv av1 libdav1d apng asv1 asv2 bmp cavs cfhd cinepak dirac dnxhd dvvideo ffv1 ffvhuff flashsv flashsv2 flv gif
    h261 h263 h263i h263p h264 hap hevc huffyuv indeo2 indeo3 indeo4 indeo5 jpeg2000 jpegls lagarith mjpeg mjpegb
    mpeg1video mpeg2video mpeg4 mpegvideo msmpeg4 msmpeg4v1 msmpeg4v2 mss1 mss2 msvideo1 mts2 png ppm prores qtrle
    rawvideo roqvideo rpza rv10 rv20 rv30 rv40 rv60 smc snow sorenson svq1 svq3 theora thp tiff tscc tscc2 utvideo
    v210 v410 vc1 vc1image vp3 vp4 vp5 vp6 vp6a vp6f vp7 vp8 vp9 vvc webp wmv1 wmv2 wmv3 wmv3image wrapped_avframe
    y41p yuv4 8bps zlib zmbv ansi aac aac_fixed aac_latm ac3 ac3_fixed alac als amrnb amrwb ape atrac1 atrac3
    atrac3p cook dca eac3 flac gsm gsm_ms mace3 mace6 mlp mp1 mp1float mp2 mp2float mp3 mp3float mp3adu mp3on4
    nellymoser opus qcelp qdm2 ra_144 ra_288 roq_dpcm s302m shorten sipr speex tak truehd tta vorbis wavpack
    wmalossless wmapro wmav1 wmav2 wmavoice ass ssa srt subrip webvtt mov_text text dvbsub dvdsub pgssub xsub cc_dec
    """.split()  # noqa: SIM905
)
_CODEC_FAMILIES = ("pcm_", "adpcm_")
_PLAYLIST_BEGINS = (b"#EXTM3U", b"ffconcat", b"[playlist]")
_BUFFER_BYTES = 2**18  # read at a time
_HIGHEST_FPS = 480
_UNKNOWN_STEP_SECONDS = 0.04  # duration of a frame, if unknown
_MOST_CLOCKS = 64  # that are remembered
_LONGEST_GROUP = 3000  # packets that a key frame is waited for
_ODDEST_ASPECT = 10.0  # of a pixel; beyond it the header is wrong


class MediaError(Exception):
    """A file that cannot be used; the message is for users."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage  # "open": not a video; "decode": a video whose frames cannot be read


@dataclass(frozen=True)
class MediaInfo:
    """Metadata of a file and of its first frame."""

    container: str  # as FFmpeg names it: "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str  # of the video stream: "h264"
    duration: float  # seconds, 0.0 where unknown
    fps: float  # average of the stream, 0.0 where unknown
    width: int  # pixels as displayed: square, and after rotation
    height: int
    rotation: int  # clockwise degrees that turn the coded picture upright: 0, 90, 180 or 270
    mirrored: bool  # left to right, before it is turned
    start_seconds: float  # the player's zero, on the clock of the container
    first_seconds: float  # when the first frame appears, on the player's clock
    subtitle_tracks: int  # embedded tracks of any kind
    language: str = ""  # of the sound, as the track names it ("eng"); "" where unknown
    plain_color: bool = True  # neither high dynamic range nor transparency
    video_streams: int = 1  # with moving pictures, of which one is read
    audio_streams: int = 0
    filmed_at: str = ""  # as `indexer.media.filming` writes dates
    filmed_by: str = ""  # what told the date: "metadata", "exif", "name" or "file"
    camera: str = ""
    latitude: float | None = None  # degrees north
    longitude: float | None = None  # degrees east
    clock_jumps: int = 0  # places at which times are counted on, see `indexer.media.clock`

    @property
    def orientation(self) -> Orientation:
        """How the coded picture is turned and mirrored."""
        return Orientation(self.rotation, self.mirrored)


def probe(path: Path) -> MediaInfo:
    """Open a file and decode one frame.

    Raises:
        MediaError: it is not a video, or no frame can be decoded.
    """
    with opened(path) as container:
        stream = video_stream(container)
        frame = next(decoded(container, stream), None)
        if frame is None:
            raise MediaError("no frame could be decoded", stage="decode")
        orientation = Orientation.of(frame)
        aspect = float(stream.sample_aspect_ratio or 1)
        aspect = aspect if 1 / _ODDEST_ASPECT < aspect < _ODDEST_ASPECT else 1.0
        width, height = max(1, round(frame.width * aspect)), frame.height
        if orientation.sideways:
            width, height = height, width
        rate = stream.average_rate or 0
        if rate > _HIGHEST_FPS:  # the resolution of the clock, if the container states no rate
            rate = stream.guessed_rate or 0
        zero = start_seconds(container)
        duration = stated_duration(container) or _measured_duration(path)
        as_webp = isinstance(getattr(container.file, "file", None), io.BytesIO)
        known = filming(path, {**stream.metadata, **container.metadata}, duration=duration)
        return MediaInfo(
            container="webp" if as_webp else container.format.name,
            codec="webp" if as_webp else stream.codec_context.codec.canonical_name,
            duration=duration,
            fps=float(rate),
            width=width,
            height=height,
            rotation=orientation.rotation,
            mirrored=orientation.mirrored,
            start_seconds=zero,
            first_seconds=max(0.0, frame.time - zero) if frame.time is not None else 0.0,
            subtitle_tracks=len(container.streams.subtitles),
            language=_main_language(container),
            plain_color=is_plain(frame),
            video_streams=len(_moving(container)),
            audio_streams=len(container.streams.audio),
            filmed_at=known.at,
            filmed_by=known.told_by,
            camera=known.camera,
            latitude=known.latitude,
            longitude=known.longitude,
            clock_jumps=clock_of(container).jumps,
        )


def stated_duration(container: InputContainer) -> float:
    """Return the duration of a file in seconds as its header, or the clock of a recording, tells it; 0.0 if unknown."""
    zero, clock = start_seconds(container), clock_of(container)
    if clock.jumps:
        return clock.end - zero
    duration = (container.duration or 0) / 1e6
    return max(0.0, duration - zero if "matroska" in container.format.name else duration)  # which stores the end time


def clock_of(container: InputContainer) -> Clock:
    """Return the clock of an open file, read to its end if it is of a container whose clocks may jump."""
    file: Any = getattr(container.file, "file", None)
    if container.format.name not in JUMPING or not isinstance(file, OpenFile):
        return Clock()
    return _read_clock(file.path, file.identity)


@lru_cache(_MOST_CLOCKS)
def _read_clock(path: Path, identity: FileIdentity) -> Clock:
    from av.error import FFmpegError

    clock = Clock()
    with opened(path) as container, suppress(FFmpegError, OSError):  # packets after damage are lost
        for packet in container.demux(_clocked(container)):
            clock.set(packet)
    return clock


def _clocked(container: InputContainer) -> list[Any]:
    """The streams by which jumps are found: always the same ones, so that all readers find the same."""
    return [stream for stream in container.streams if stream.type in ("video", "audio")]


def demuxed(container: InputContainer, *streams: Any) -> Iterator[Packet[Any]]:
    """Yield the packets of some streams in the order of the file, with times that run on where the clock jumps."""
    if not clock_of(container).jumps:
        yield from container.demux(*streams)
        return
    clock, wanted = Clock(), {stream.index for stream in streams}
    others = [stream for stream in _clocked(container) if stream.index not in wanted]
    for packet in container.demux(*streams, *others):
        clock.set(packet)
        if packet.stream.index in wanted:
            yield packet


def _measured_duration(path: Path) -> float:
    """Return the end of the last frame of a file without a duration, in seconds, from its packets without decoding."""
    from av.error import FFmpegError

    count, last, end = 0, 0.0, 0.0
    with opened(path) as container, suppress(FFmpegError, OSError):  # packets after damage are lost
        stream = video_stream(container)
        known = stream.average_rate is not None and 0 < stream.average_rate <= _HIGHEST_FPS
        step = float(1 / stream.average_rate) if known and stream.average_rate else _UNKNOWN_STEP_SECONDS
        zero = start_seconds(container)
        for packet in container.demux(stream):
            count += packet.size > 0
            if packet.size and packet.pts is not None and packet.time_base is not None:
                time = float(packet.pts * packet.time_base) - zero
                last, end = max(last, time), max(end, time + float((packet.duration or 0) * packet.time_base))
    return max(end, last + step) if end or last else count * step


def _main_language(container: InputContainer) -> str:
    """Return the language of the default audio track."""
    from av.stream import Disposition

    tracks = sorted(container.streams.audio, key=lambda track: not track.disposition & Disposition.default)
    language = tracks[0].language if tracks else None
    return language if language and language != "und" else ""


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a media file in FFmpeg's demuxer.

    Raises:
        MediaError: the file cannot be opened as media.
    """

    try:
        file = open_file(path)
    except OSError as error:
        raise MediaError(_not_opened(error), stage="open") from None
    with file:
        if not file.status.st_size:
            raise MediaError("the file is empty", stage="open")
        file.start = video_offset(file)
        with _container(file) as container:
            yield container


def _container(file: OpenFile) -> InputContainer:
    """Open FFmpeg's demuxer over an open file, without access to other files."""
    import av

    options = {
        "protocol_whitelist": "none",  # a playlist cannot open anything
        "format_whitelist": ",".join(_formats()),
        "codec_whitelist": ",".join(_codecs()),
    }
    name = file.container.split(",")[0] or None  # any one of several names selects the demuxer
    try:
        source: OpenFile | io.BytesIO = file
        if is_animated_webp(file):
            source, name = io.BytesIO(webp_as_video(file.path, file.identity)), "matroska"
        return av.open(  # type: ignore[return-value]
            source, format=name, options=options, metadata_errors="replace", buffer_size=_BUFFER_BYTES
        )
    except MemoryError:
        raise
    except av.error.ArgumentError:
        raise MediaError(_elsewhere(file), stage="open") from None
    except av.error.InvalidDataError:
        raise MediaError("not a media file, or too damaged to be opened", stage="open") from None
    except (av.error.FFmpegError, OSError, ValueError, SyntaxError) as error:
        if getattr(error, "errno", None) == errno.ENOMEM:
            raise MemoryError from None
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"the file cannot be opened: {reason}", stage="open") from None


@cache
def _formats() -> frozenset[str]:
    """Return the allowed demuxers: all but those that open other files, devices or the network."""
    import av

    names = {name for listed in av.formats_available for name in listed.split(",")}
    return frozenset(names - _LEADING_ELSEWHERE)


@cache
def _codecs() -> frozenset[str]:
    import av

    families = {name for name in av.codecs_available if name.startswith(_CODEC_FAMILIES)}
    return _CODECS | families


def _elsewhere(file: OpenFile) -> str:
    """Describe a file of a format that FFmpeg knows but may not open."""
    head = OpenFile(file.path, file.descriptor).read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(_PLAYLIST_BEGINS):
        return "a playlist, not a video"
    return "not a video: it only leads to other files, to a device or to the network"


def _not_opened(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, IsADirectoryError | NotRegularFile):
        return "not a regular file"
    return f"the file cannot be opened: {error.strerror or error}"


def start_seconds(container: InputContainer) -> float:
    """Return the time on a container's clock that a player shows as zero, in seconds."""
    return (container.start_time or 0) / 1e6


def seek(container: InputContainer, seconds: float) -> None:
    """Seek to a key frame at or before a time on the player's clock; do nothing if the file is not seekable.

    A file whose clock jumps is not: several places have the same time.
    """
    from av.error import FFmpegError

    if seconds > 0 and container.start_time is not None and not clock_of(container).jumps:
        with suppress(FFmpegError, OSError):  # damaged files are read from the beginning
            container.seek(round((seconds + start_seconds(container)) * 1e6))


def video_stream(container: InputContainer) -> VideoStream:
    """The stream with the moving picture: the one that the open file asks for, if there is such a one, or the main one.

    Raises:
        MediaError: there is none.
    """
    name = container.format.name
    if name in _NO_VIDEO_FORMATS:
        raise MediaError(_NO_VIDEO_FORMATS[name], stage="open")
    moving = _moving(container)
    if not moving:
        kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
        cover = " with a cover picture" if container.streams.video else ""
        found = f"{' and '.join(kinds)} only{cover}" if kinds else "nothing that can be decoded"
        raise MediaError(f"no video stream: {found} ({name})", stage="open")
    decodable = [stream for stream in moving if stream.codec_context is not None]  # None: FFmpeg knows no such codec
    if not decodable:
        raise MediaError(f"its codec is unknown ({name})", stage="open")
    asked: Any = getattr(getattr(container.file, "file", None), "stream", 0)
    wanted = [stream for number, stream in enumerate(moving, 1) if number == asked and stream in decodable]
    stream = min(wanted or decodable, key=_stream_rank)
    lone = stream.frames == 1 and (
        stream.codec_context.name in _STILL_CODECS or container.metadata.get("major_brand") in _IMAGE_BRANDS
    )
    if lone or name == "image2" or name.endswith("_pipe"):
        raise MediaError(f"a still image, not a video ({stream.codec_context.codec.canonical_name})", stage="open")
    codec = stream.codec_context.codec.name
    if codec not in _codecs():
        raise MediaError(f"its codec is not one that is read: {codec}", stage="open")
    return stream


def _moving(container: InputContainer) -> list[VideoStream]:
    from av.stream import Disposition

    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _stream_rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    """Sort key of streams: moving pictures, default ones, the largest, the longest first."""
    from av.stream import Disposition

    codec = stream.codec_context
    still = codec.name in _STILL_CODECS and (stream.frames == 1 or bool(stream.disposition & Disposition.still_image))
    default = bool(stream.disposition & Disposition.default)
    return still, not default, -codec.width * codec.height, -(stream.duration or 0)


def _from_key_frame(packets: Iterator[Packet[Any]], seconds: float) -> Iterator[Packet[Any]]:
    """Yield packets of a video stream from the last key frame at or before a time of the container on."""
    waiting: list[Packet[Any]] = []
    for packet in packets:
        ticks = packet.pts if packet.dts is None else packet.dts
        time = None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)
        late = time is not None and time > seconds
        if packet.is_keyframe and time is not None and not late:
            waiting = []
        waiting.append(packet)
        if late or len(waiting) == _LONGEST_GROUP:
            break
    yield from waiting
    yield from packets


@overload
def decoded(container: InputContainer, stream: VideoStream, *, start: float = 0.0) -> Iterator[VideoFrame]: ...
@overload
def decoded(container: InputContainer, stream: AudioStream, *, start: float = 0.0) -> Iterator[AudioFrame]: ...
def decoded(
    container: InputContainer, stream: VideoStream | AudioStream, *, start: float = 0.0
) -> Iterator[VideoFrame | AudioFrame]:
    """Yield every decodable frame in display order, skipping damage.

    Args:
        start: seconds on the player's clock; what is shown before may be left out.
    """
    from av.error import FFmpegError

    packets = demuxed(container, stream)
    if stream.type == "video" and start > 0 and clock_of(container).jumps:
        packets = _from_key_frame(packets, start + start_seconds(container))
    while True:
        try:
            packet = next(packets)
            if packet.has_sidedata("encryption_info"):
                raise MediaError(f"protected by DRM: its {stream.type} is encrypted", stage="open")
            frames: Sequence[Any] = packet.decode()
        except StopIteration:
            return
        except MemoryError:
            raise
        except (FFmpegError, OSError):
            continue  # if the demuxer failed, `packets` is now exhausted
        yield from frames
