"""Barcodes in pictures. Nothing of a picture is kept."""

from typing import IO

import zxingcpp
from PIL import Image, ImageOps

from products import pictures
from products.barcodes import Barcode, InvalidBarcode, normalise

# Retail codes only: a QR code in the same picture is an advertisement.
RETAIL = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.EAN13,
        zxingcpp.BarcodeFormat.EAN8,
        zxingcpp.BarcodeFormat.UPCA,
        zxingcpp.BarcodeFormat.UPCE,
    ]
)
ENLARGE_UP_TO_PX = 1600  # of the longer side: larger pictures gain nothing from a second look


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
    """The picture as a person sees it, in grey. Raises UnreadablePicture."""
    with pictures.opened(picture) as image:
        image.draft("L", (3000, 3000))  # lets JPEG unpack large photos at a fraction of their size
        return _in_grey(ImageOps.exif_transpose(image))


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
