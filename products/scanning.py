"""Barcodes in pictures. Nothing of a picture is kept."""

import io
import struct
import warnings
from typing import IO

import zxingcpp
from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from products.barcodes import Barcode, InvalidBarcode, normalise

FORMATS = ("JPEG", "PNG", "WEBP")
# Retail codes only: a QR code in the same picture is an advertisement.
RETAIL = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.EAN13,
        zxingcpp.BarcodeFormat.EAN8,
        zxingcpp.BarcodeFormat.UPCA,
        zxingcpp.BarcodeFormat.UPCE,
    ]
)
# Only JPEG can be unpacked at a fraction of its size; of the others, 24 megapixels take some 200 MB for a moment.
MOST_PIXELS_UNPACKED = 24_000_000
ENLARGE_UP_TO_PX = 1600  # of the longer side: larger pictures gain nothing from a second look


class UnreadablePicture(ValueError):
    """Not a picture that can be looked at. The message is a sentence for the person; ask for another."""


def barcodes_in(picture: IO[bytes]) -> list[Barcode]:
    """The retail barcodes in a picture, without repeats; empty where there is none. Raises UnreadablePicture.

    2 to 3 per cent are misread, some with a fitting check digit: show the number before anything is done with it.
    """
    image = opened(picture)
    found = _decoded(image)
    if not found and max(image.size) <= ENLARGE_UP_TO_PX:
        # Thin bars of small pictures: the second look finds one in eight of those that the first did not.
        found = _decoded(image.resize((image.width * 2, image.height * 2), Image.Resampling.LANCZOS))
    return found


def opened(picture: IO[bytes]) -> Image.Image:
    """The picture as a person sees it, in grey. Its size is checked before it is unpacked."""
    data = picture.read(settings.MAX_UPLOAD_BYTES + 1)
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise UnreadablePicture(
            _("This picture has more than %(most)d MB. Take it again at a lower resolution.")
            % {"most": settings.MAX_UPLOAD_BYTES // 1_000_000}
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of bombs, where our own limit is below, and of damage that can be read over
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            most = settings.MAX_UPLOAD_PIXELS if image.format == "JPEG" else MOST_PIXELS_UNPACKED
            if image.width * image.height > most:
                raise _too_many_pixels(most)
            image.draft("L", (3000, 3000))  # lets JPEG unpack large photos at a fraction of their size
            return _in_grey(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(settings.MAX_UPLOAD_PIXELS) from error
    except UnidentifiedImageError as error:
        raise UnreadablePicture(_("This is not a JPEG, PNG or WebP picture.")) from error
    except UnreadablePicture:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error) as error:
        raise UnreadablePicture(_("This picture is damaged. Take it again.")) from error


def _too_many_pixels(most: int) -> UnreadablePicture:
    return UnreadablePicture(
        _("This picture has more than %(most)d megapixels. Take it again at a lower resolution.")
        % {"most": most // 1_000_000}
    )


def _in_grey(image: Image.Image) -> Image.Image:
    """On white where it is transparent: the bars would be black on black otherwise."""
    if not image.has_transparency_data:
        return image.convert("L")
    image = image.convert("RGBA")
    white = Image.new("L", image.size, 255)
    white.paste(image.convert("L"), mask=image.getchannel("A"))
    return white


def _decoded(image: Image.Image) -> list[Barcode]:
    codes: dict[Barcode, None] = {}
    for read in zxingcpp.read_barcodes(image, formats=RETAIL):
        try:
            code = normalise(read.text)
        except InvalidBarcode:
            continue
        if code.check_digit_fits:
            codes[code] = None
    return list(codes)
