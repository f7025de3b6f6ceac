"""The clock of a recording, made to run on where it jumps.

MPEG streams may be cut together from recordings with clocks of their own: the times of the second begin anywhere. As
in FFmpeg's programs, what comes after a jump is counted on from what came before, for all streams alike. In other
containers a gap is a picture that is shown for long, and players wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

JUMPING = frozenset({"mpegts", "mpeg"})  # containers whose clocks may jump
_BACK_SECONDS = 0.1  # a stream is never decoded back in time, but for rounding
_GAP_SECONDS = 10.0  # between packets of a stream, and of two streams that lie beside each other
_LEADING = ("video", "audio")  # streams that have packets all the time
_REORDERED_SECONDS = 0.5  # that a picture is decoded before it is shown
_STEP_SECONDS = 0.04  # duration of a packet, if unknown


@dataclass
class _Section:
    """A part of a recording in which the clock runs on."""

    shift: float  # from its clock to that of the whole, seconds
    latest: float  # that its clock has shown
    last: dict[int, float] = field(default_factory=dict)  # by stream

    def continues(self, stream: int, time: float) -> bool:
        """Whether a packet of a stream follows its last one here."""
        return stream in self.last and -_BACK_SECONDS <= time - self.last[stream] <= _GAP_SECONDS


class Clock:
    """Moves the times of packets, in the order of the file."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}  # of what is shown, by type of stream
        self._sections: list[_Section] = []
        self._current: dict[int, _Section] = {}  # by stream; at a jump, one stream comes before another

    @property
    def end(self) -> float:
        """When the last of the packets so far ends, seconds on the clock of the whole."""
        return max(self._ends.values(), default=0.0)

    @property
    def jumps(self) -> int:
        """How often the clock has jumped."""
        return max(0, len(self._sections) - 1)

    def set(self, packet: Packet[Any]) -> None:
        """Move a packet to its time on the clock of the whole; one that has no time stays as it is."""
        stream, kind, unit = packet.stream.index, packet.stream.type, packet.time_base
        if unit is None:
            return
        step = float((packet.duration or 0) * unit) or _STEP_SECONDS
        if packet.dts is None:
            if kind in self._ends:
                self._ends[kind] += step
        else:
            time = float(packet.dts * unit)
            shown = time if packet.pts is None else float(packet.pts * unit)
            if abs(shown - time) > _GAP_SECONDS:  # at a jump, what is shown after it may be decoded before
                time, packet.dts = shown - _REORDERED_SECONDS, None
            section = self._current[stream] = self._section(stream, kind, time, shown)
            section.last[stream] = time
            if kind in _LEADING:
                section.latest = max(section.latest, time)
                end = shown + section.shift + step
                self._ends[kind] = max(self._ends.get(kind, end), end)
        if shift := round(self._current[stream].shift / unit) if stream in self._current else 0:
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift

    def _section(self, stream: int, kind: str, time: float, shown: float) -> _Section:
        """The section that a packet belongs to, a new one after a jump."""
        if not self._sections:
            self._sections = [_Section(0.0, time)]
        newest, current = self._sections[-1], self._current.get(stream)
        if current and current.continues(stream, time):
            return current
        beside = abs(time - newest.latest) <= _GAP_SECONDS
        if kind not in _LEADING or (beside and (current is not newest or time > newest.last[stream])):
            return newest
        for section in reversed(self._sections):  # only some packets in between had other times
            if section.continues(stream, time):
                return section
        self._sections.append(_Section(self._ends.get("video", self.end) - shown, time))
        return self._sections[-1]
