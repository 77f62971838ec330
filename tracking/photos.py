"""The files of photos: what is made of an upload, where it is kept, how it goes.

An upload itself is never kept. What is kept are two JPEGs, written anew from its pixels: without place, camera and
whatever else was in the file.
"""

import datetime as dt
import io
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, ImageOps

from products.pictures import UnreadablePicture, opened

Size = Literal["large", "small"]
SIZES: dict[Size, int] = {"large": 2048, "small": 512}  # pixels of the longer side, at most
QUALITY = 85
LEAST_PX = 32  # of either side: nothing can be seen on less
_NAME = re.compile(r"\.?([0-9a-f]{32})\.(?:large|small)\.jpg")  # with a dot in front while it is being written
BEING_WRITTEN_FOR = dt.timedelta(hours=1)  # younger files without a row may be just about to get it


@dataclass(frozen=True)
class Prepared:
    """What will be kept of an upload. `taken` is the camera's wall clock, None where it does not say."""

    copies: dict[Size, bytes]
    width: int
    height: int
    taken: dt.datetime | None


def prepare(picture: IO[bytes]) -> Prepared:
    """Both copies of an upload: upright, in RGB, on white where it is transparent. Raises UnreadablePicture."""
    with opened(picture) as image:
        if min(image.size) < LEAST_PX:
            raise UnreadablePicture(_("This picture is too small to see anything on it."))
        taken = _taken(image)
        # JPEG is unpacked at a fraction of its size; `thumbnail` alone asks for twice as much, and gets
        # all of it. First smaller, then turned: the other way round a large photo is in memory twice.
        image.draft("RGB", (SIZES["large"],) * 2)
        image.thumbnail((SIZES["large"],) * 2, Image.Resampling.LANCZOS, reducing_gap=2.0)
        large = _flat(_upright(image))
    small = large.copy()
    small.thumbnail((SIZES["small"],) * 2, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Prepared({"large": _jpeg(large), "small": _jpeg(small)}, large.width, large.height, taken)


def _taken(image: Image.Image) -> dt.datetime | None:
    with suppress(Exception):  # whatever cameras and forgers write there is worth no refusal
        said = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        return dt.datetime.strptime(str(said).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 (a wall clock)
    return None


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # what is wrong with the pixels is said before, and is a refusal
    with suppress(Exception):  # as above
        return ImageOps.exif_transpose(image)
    return image


def _flat(image: Image.Image) -> Image.Image:
    """RGB and nothing else: a new picture takes none of the texts, profiles and places along."""
    if image.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off instead of scaling
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    flat = Image.new("RGB", image.size, "white")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        flat.paste(image, mask=image.getchannel("A"))
    else:
        flat.paste(image.convert("RGB"))
    return flat


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


# --- Where they are -----------------------------------------------------------------------------------------------
def path_of(photo_id: uuid.UUID, size: Size) -> Path:
    return _folder_of(photo_id) / f"{photo_id.hex}.{size}.jpg"


def _folder_of(photo_id: uuid.UUID) -> Path:
    """One of 256, so that none grows beyond what file systems and backups like."""
    return Path(settings.UPLOAD_DIR) / photo_id.hex[:2]


def write(photo_id: uuid.UUID, copies: dict[Size, bytes]) -> None:
    """Both copies or, with an OSError, neither. Under their names they are whole from the first moment."""
    folder = _folder_of(photo_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        for size, copy in copies.items():
            with open(_draft_of(photo_id, size), "xb", opener=_for_the_owner_alone) as file:
                file.write(copy)
                file.flush()
                os.fsync(file.fileno())
        for size in copies:
            _draft_of(photo_id, size).rename(path_of(photo_id, size))
    except BaseException:
        with suppress(OSError):  # the trouble that began this is the one to tell; the sweep takes what is left
            remove(photo_id)
        raise


def _for_the_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _draft_of(photo_id: uuid.UUID, size: Size) -> Path:
    final = path_of(photo_id, size)
    return final.with_name(f".{final.name}")


def remove(photo_id: uuid.UUID) -> None:
    """Delete what there is of a photo's files. Safe to repeat."""
    for size in SIZES:
        _draft_of(photo_id, size).unlink(missing_ok=True)
        path_of(photo_id, size).unlink(missing_ok=True)


def on_disk(*, before: dt.datetime) -> Iterator[set[uuid.UUID]]:
    """The photos that have files which were written some time before, folder by folder.

    Files with any other name are somebody else's, and are not looked at.
    """
    for folder in sorted(Path(settings.UPLOAD_DIR).glob("[0-9a-f][0-9a-f]")):
        found = set()
        for file in folder.iterdir():
            match = _NAME.fullmatch(file.name)
            with suppress(FileNotFoundError):  # deleted this moment
                if match and file.stat().st_mtime < (before - BEING_WRITTEN_FOR).timestamp():
                    found.add(uuid.UUID(match[1]))
        if found:
            yield found
