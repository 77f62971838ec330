"""Pictures from outside, opened without trusting them: bytes, kind and pixels are checked before they are unpacked."""

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

FORMATS = ("JPEG", "PNG", "WEBP")
# Only baseline JPEG can be unpacked at a fraction of its size; of all others, 24 megapixels take 230 to 380 MB for a
# moment. Of a progressive JPEG the decoder keeps all coefficients until the last scan, whatever the size asked for.
MOST_PIXELS_UNPACKED = 24_000_000
# Each scan goes through the whole picture once more: thousands of them in a small file keep a processor for minutes.
# Cameras and programs write about ten.
MOST_SCANS = 100


# What a process has in memory at the same time is one large picture, however many threads have been sent one.
LARGE_PIXELS = 3_000_000
_ONE_LARGE_AT_A_TIME = threading.Lock()


class UnreadablePicture(ValueError):
    """Not a picture that can be looked at. The message is a sentence for the person; ask for another."""


@contextmanager
def opened(picture: IO[bytes]) -> Iterator[Image.Image]:
    """The picture, checked and not yet unpacked: that may happen inside the block. Of moving ones, the first frame.

    Raises UnreadablePicture, also for damage that is found while unpacking.
    """
    data = picture.read(settings.MAX_UPLOAD_BYTES + 1)
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise UnreadablePicture(
            _("This picture has more than %(most)d MB. Take it again at a lower resolution.")
            % {"most": settings.MAX_UPLOAD_BYTES // 1_000_000}
        )
    try:
        with warnings.catch_warnings():
            # Of bombs, where our own limit is below, and of damage that can be read over.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check(image, data)
                with _ONE_LARGE_AT_A_TIME if image.width * image.height > LARGE_PIXELS else nullcontext():
                    yield image
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(settings.MAX_UPLOAD_PIXELS) from error
    except UnidentifiedImageError as error:
        raise UnreadablePicture(_("This is not a JPEG, PNG or WebP picture.")) from error
    except UnreadablePicture:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error) as error:
        raise UnreadablePicture(_("This picture is damaged. Take it again.")) from error


def _check(image: Image.Image, data: bytes) -> None:
    most = settings.MAX_UPLOAD_PIXELS if _can_be_unpacked_small(image) else MOST_PIXELS_UNPACKED
    if image.width * image.height > most:
        raise _too_many_pixels(most)
    # A marker inside of pixel data is escaped (ITU-T T.81, B.1.1.5), so that what looks like one here is one.
    if isinstance(image, JpegImageFile) and data.count(b"\xff\xda") > MOST_SCANS:
        raise UnreadablePicture(_("This picture is damaged. Take it again."))


def _can_be_unpacked_small(image: Image.Image) -> bool:
    """JPEG as cameras write it; phones add a second picture (MPO), which Pillow calls another format."""
    return isinstance(image, JpegImageFile) and not image.info.get("progressive")


def _too_many_pixels(most: int) -> UnreadablePicture:
    return UnreadablePicture(
        _("This picture has more than %(most)d megapixels. Take it again at a lower resolution.")
        % {"most": most // 1_000_000}
    )
