"""When, where and with what a video was filmed, as far as its file tells.

The container is asked first, then the EXIF of a picture beside it, then the name. Dates are ISO 8601 as they are known:
`2023-07-14T18:03:22+02:00` where the clock and its zone are, `2023-07-14T16:03:22Z` where only the instant is,
`2023-07-14T18:03:22`, `2023-07-14`, `2023-07` or `2023` where only the clock or calendar is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from indexer.media.files import open_file

METADATA, EXIF, NAME, FILE = "metadata", "exif", "name", "file"  # what told the date

_PICTURE_SUFFIXES = (".thm", ".jpg", ".jpeg")  # that cameras write beside a video, under its name
_LONGEST_CAMERA = 100  # characters
_EARLIEST_YEAR = 1888  # of the first film
# Where clocks begin that nobody set: QuickTime, Unix, FAT; and the day before, in some zones.
_UNSET_DAYS = {"1903-12-31", "1904-01-01", "1969-12-31", "1970-01-01", "1979-12-31", "1980-01-01"}
_SLACK_SECONDS = 20.0  # between the instants at which a camera names a file and notes its time
_ZONE_MINUTES = range(-12 * 60, 14 * 60 + 1, 15)  # east of Greenwich

_DAY = r"(?P<day>0[1-9]|[12]\d|3[01])"
_MONTH = r"(?P<month>0[1-9]|1[0-2])"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_WRITTEN = re.compile(
    r"(\d{4})(?:[-:/.]?(\d\d)(?:[-:/.]?(\d\d)(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?(?:[.,]\d+)?\s*"
    r"(Z|UTC|[+-]\d\d:?\d\d)?)?)?)?"
)
_NAMED = re.compile(
    rf"(?<!\d){_YEAR}(?P<between>[-_. ]?){_MONTH}(?P=between){_DAY}"
    r"(?:(?:[-_ T]|[-_ ]+(?:at)?[-_ ]*)?(?P<hour>[01]\d|2[0-3])(?P<colon>[-_.:h ]?)(?P<minute>[0-5]\d)"
    r"(?:(?P=colon)(?P<second>[0-5]\d)(?:[-_.]?\d{1,3})?|(?<=[-_.:h ]\d\d))(?P<zone>Z?))?(?!\d)"
)
_NAMED_DAY_FIRST = re.compile(rf"(?<!\d){_DAY}\.{_MONTH}\.{_YEAR}(?!\d)")
_PLACE = re.compile(r"([+-])(\d{2}|\d{4}|\d{6})(\.\d+)?([+-])(\d{3}|\d{5}|\d{7})(\.\d+)?(?!\d)")
_DATE_TAGS = ("com.apple.quicktime.creationdate", "datetimeoriginal", "date_recorded", "creation_time", "date")
_MAKE_TAGS = ("com.apple.quicktime.make", "com.android.manufacturer", "make", "manufacturer")
_MODEL_TAGS = ("com.apple.quicktime.model", "com.android.model", "model")


@dataclass(frozen=True)
class Filming:
    """What is known of how a video was made; "" and None where nothing is."""

    at: str = ""  # as the module says
    told_by: str = FILE  # METADATA, EXIF or NAME; FILE where only the time of the file is left
    camera: str = ""  # "Apple iPhone 13"
    latitude: float | None = None  # degrees north
    longitude: float | None = None  # degrees east


def filming(path: Path, tags: Mapping[str, str], *, duration: float) -> Filming:
    """Return what container, neighbours and name of a video tell.

    Args:
        path: of the video; a picture beside it is opened.
        tags: metadata of the container.
        duration: seconds; some cameras note when they stopped.
    """
    found = from_tags(tags)
    if not (found.at and found.camera) and (picture := picture_beside(path)) is not None:
        told = from_exif(picture)
        if told.at and not found.at:
            found = replace(found, at=told.at, told_by=EXIF)
        if told.latitude is not None and found.latitude is None:
            found = replace(found, latitude=told.latitude, longitude=told.longitude)
        found = replace(found, camera=found.camera or told.camera)
    named = from_name(path.name)
    if not found.at:
        return replace(found, at=named, told_by=NAME) if named else found
    return replace(found, at=_in_its_zone(found.at, named, duration))


def from_tags(tags: Mapping[str, str]) -> Filming:
    """Return what the metadata of a container tell."""
    held = {name.casefold(): value for name, value in tags.items()}
    dates = [date for tag in _DATE_TAGS if (date := written(held.get(tag, "")))]
    at = next((date for date in dates if date[-6:-5] in ("+", "-") and "T" in date), next(iter(dates), ""))
    places = [value for name, value in held.items() if name.startswith("location") or name.endswith("iso6709")]
    place = next(filter(None, map(_place, places)), None)
    camera = _camera(_first(held, _MAKE_TAGS), _first(held, _MODEL_TAGS))
    if not camera and held.get("handler_name", "").strip("\t \x00").startswith("GoPro"):
        camera = "GoPro"
    return Filming(at, METADATA if at else FILE, camera, *(place or (None, None)))


def from_exif(picture: Path) -> Filming:
    """Return what the EXIF of a picture tells, nothing where it cannot be read."""
    from PIL import ExifTags, Image

    try:
        with open_file(picture) as file, Image.open(file, formats=("JPEG",)) as opened:  # type: ignore[arg-type]
            exif = opened.getexif()
            shot, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
            base = ExifTags.Base
            at = written(f"{shot.get(base.DateTimeOriginal, '')}{shot.get(base.OffsetTimeOriginal, '')}")
            at = at or written(str(shot.get(base.DateTimeOriginal) or exif.get(base.DateTime) or ""))
            camera = _camera(str(exif.get(base.Make, "")), str(exif.get(base.Model, "")))
            return Filming(at, EXIF if at else FILE, camera, *(_exif_place(place) or (None, None)))
    except (OSError, ValueError, SyntaxError, TypeError, ArithmeticError, Image.DecompressionBombError):
        return Filming()


def from_name(name: str) -> str:
    """Return the date that the name of a file holds, "" for none; `VID_20230714_180322.mp4` is 2023-07-14T18:03:22."""
    stem = name.rpartition(".")[0] or name
    found = _NAMED.search(stem) or _NAMED_DAY_FIRST.search(stem)
    if found is None:
        return ""
    part = found.groupdict()
    day = f"{part['year']}-{part['month']}-{part['day']}"
    if part.get("hour") is None:
        return written(day)
    zone = "Z" if part["zone"] or stem.startswith("PXL_") else ""  # Google's Pixel names files in UTC
    return written(f"{day}T{part['hour']}:{part['minute']}:{part['second'] or '00'}{zone}")


def written(text: str) -> str:
    """Return a date as this module writes it, "" where a text is none, or none at which anybody filmed."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return ""
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        clock = (int(hour or 0), int(minute or 0), int(second or 0))
        moment = datetime(int(year), int(month or 1), int(day or 1), *clock)
    except ValueError:
        return ""
    date = "-".join(part for part in (year, month, day) if part)
    if date in _UNSET_DAYS or int(year) < _EARLIEST_YEAR or moment > datetime.now() + timedelta(days=1):
        return ""
    if hour is None:
        return date
    offset = "" if zone is None else "Z" if zone in ("Z", "UTC") else f"{zone[:3]}:{zone[-2:]}"
    return f"{date}T{hour}:{minute}:{second or '00'}{offset}"


def picture_beside(video: Path) -> Path | None:
    """Return the picture that a camera wrote with a video: of its name, in its folder."""
    names = (video.with_suffix(each) for suffix in _PICTURE_SUFFIXES for each in (suffix, suffix.upper()))
    return next((path for path in names if path != video and path.is_file()), None)


def _in_its_zone(at: str, named: str, duration: float) -> str:
    """The clock of the camera, where a container tells the instant and the name the clock, some zone apart."""
    if not at.endswith("Z") or len(named) != len("2023-07-14T18:03:22"):
        return at
    noted, clock = datetime.fromisoformat(at), datetime.fromisoformat(named).replace(tzinfo=UTC)

    def apart(minutes: int) -> float:
        """Seconds between the name and the instant, which is that of the beginning or of the end."""
        late = (clock - timedelta(minutes=minutes) - noted).total_seconds()
        return min(abs(late), abs(late + duration))

    nearest = min(_ZONE_MINUTES, key=apart)
    if apart(nearest) > _SLACK_SECONDS:
        return at
    hours, minutes = divmod(abs(nearest), 60)
    return f"{named}{'-' if nearest < 0 else '+'}{hours:02}:{minutes:02}"


def _camera(make: str, model: str) -> str:
    make, model = (" ".join(part.replace("\x00", " ").split()) for part in (make, model))
    name = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    return "".join(filter(str.isprintable, name))[:_LONGEST_CAMERA]


def _place(text: str) -> tuple[float, float] | None:
    """Latitude and longitude as ISO 6709 writes them: `+48.8577+002.2950/`, in degrees, minutes or seconds."""
    found = _PLACE.match(text.strip())
    if found is None:
        return None
    signs, whole, rest = found.groups()[0::3], found.groups()[1::3], found.groups()[2::3]
    values = [
        _degrees(digits, fraction, 2 + index) for index, (digits, fraction) in enumerate(zip(whole, rest, strict=True))
    ]
    return _on_earth(*(-value if sign == "-" else value for sign, value in zip(signs, values, strict=True)))


def _degrees(digits: str, fraction: str | None, width: int) -> float:
    """Degrees of which `width` digits stand first, then maybe two of minutes and two of seconds."""
    parts = [digits[:width], *(digits[at : at + 2] for at in range(width, len(digits), 2))]
    numbers = [float(part) for part in parts[:-1]] + [float(parts[-1] + (fraction or ""))]
    return sum((number / 60**index for index, number in enumerate(numbers)), 0.0)


def _exif_place(place: Mapping[int, Any]) -> tuple[float, float] | None:
    from PIL.ExifTags import GPS

    if GPS.GPSLatitude not in place or GPS.GPSLongitude not in place:
        return None
    values = []
    for tag, reference, south in (
        (GPS.GPSLatitude, GPS.GPSLatitudeRef, "S"),
        (GPS.GPSLongitude, GPS.GPSLongitudeRef, "W"),
    ):
        degrees = sum(float(part) / 60**index for index, part in enumerate(place[tag]))
        values.append(-degrees if str(place.get(reference, "")).upper() == south else degrees)
    return _on_earth(*values)


def _on_earth(latitude: float, longitude: float) -> tuple[float, float] | None:
    """Both, unless they are out of range, no number, or the zeros of a receiver that knows nothing yet."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or latitude == longitude == 0:
        return None
    return round(latitude, 6), round(longitude, 6)


def _first(held: Mapping[str, str], tags: tuple[str, ...]) -> str:
    return next((held[tag] for tag in tags if held.get(tag)), "")
