"""Pictures for tests, drawn when asked for: barcodes as a camera might see them."""

import io

from PIL import Image, ImageDraw

_LEFT = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_PARITY = ("OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO")


def _right(digit):
    return _LEFT[digit].translate(str.maketrans("01", "10"))


def modules(digits):
    """The bars of an EAN-13 or EAN-8, 1 for dark (GS1 General Specifications 5.2)."""
    numbers = [int(digit) for digit in digits]
    if len(numbers) == 8:
        left = "".join(_LEFT[number] for number in numbers[:4])
        return f"101{left}01010{''.join(map(_right, numbers[4:]))}101"
    parity = _PARITY[numbers[0]]
    pairs = zip(parity, numbers[1:7], strict=True)
    left = "".join(_LEFT[number] if odd == "O" else _right(number)[::-1] for odd, number in pairs)
    return f"101{left}01010{''.join(map(_right, numbers[7:]))}101"


def barcode_image(digits, *, module_px=3, height_px=140, margin_px=40):
    bars = modules(digits)
    image = Image.new("RGB", (len(bars) * module_px + 2 * margin_px, height_px + 2 * margin_px), "white")
    draw = ImageDraw.Draw(image)
    for place, bar in enumerate(bars):
        if bar == "1":
            left = margin_px + place * module_px
            draw.rectangle((left, margin_px, left + module_px - 1, margin_px + height_px), fill="black")
    return image


def encoded(image, form="JPEG", **options):
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    file.name = f"photo.{form.lower()}"
    return file
