"""How a photo looks, in numbers that are near each other for two photos of the same dish.

Five blocks, each a set of histograms or means, so that neither light nor angle nor a shifted plate changes much:
colours, lightness, where they are, edges, texture. What has the colours of table and plate counts little. Only NumPy
and Pillow; some 10 ms for a photo (benchmarks/recognition.py).

The same picture always gives the same numbers. A change of anything here is a new VERSION: numbers of different
versions cannot be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from PIL import Image

from tracking import photos
from tracking.models import Photo
from tracking.recognition.arrays import Array, np

VERSION = 1
SIDE_PX = 128  # what is looked at is a square of this side; more shows crumbs, not dishes
RINGS = 4  # from the middle outwards: a plate may be turned, so that rows and columns mean nothing
HUES, SATURATIONS = 16, 4
LIGHTNESSES = 8
ORIENTATIONS = 16


def of_photo(photo: Photo) -> Array:
    """Raises OSError where the file is gone."""
    with Image.open(photos.path_of(photo.uuid, "small")) as image:
        return of_image(image)


def of_image(image: Image.Image) -> Array:
    """A vector of length 1."""
    lab = _lab(_balanced(_square(image)))
    food = _food(lab)
    parts = [weight * _unit(block(lab, food)) for block, weight in BLOCKS]
    return _unit(np.concatenate(parts)).astype(np.float32)


def packed(features: Array) -> bytes:
    """For the database: two bytes a number, which is more than they are exact."""
    return features.astype("<f2").tobytes()


def unpacked(kept: bytes) -> Array:
    return np.frombuffer(kept, "<f2").astype(np.float32)


# --- From a picture to colours as the eye tells them apart ----------------------------------------------------------
def _square(image: Image.Image) -> Array:
    """The middle square in linear steps from 0 to 1."""
    image = image.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    small = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, box=box, reducing_gap=None)
    rgb: Array = np.asarray(small, np.float32) / np.float32(255)
    return rgb


def _balanced(rgb: Array) -> Array:
    """Half way to what a neutral light would have shown, and as bright as any other.

    The colour of the light is what the brightest tenth of the pixels have in common (plates, cloths, gloss); only
    half of it is taken out, because there may be nothing white on a photo.
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    bright = linear.max(axis=2)
    light = linear[bright >= np.quantile(bright, 0.9)].mean(axis=0) + 1e-3
    linear = linear / (light / light.mean()) ** 0.5
    balanced: Array = np.clip(linear * (0.75 / (np.quantile(linear.max(axis=2), 0.95) + 1e-3)), 0, 1)
    return balanced.astype(np.float32)


_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
_WHITE = [0.95047, 1.0, 1.08883]  # D65


def _lab(linear: Array) -> Array:
    """CIELAB, where equal distances look equally different. L 0 to 100, a and b about -100 to 100."""
    xyz = linear @ np.array(_XYZ, np.float32).T / np.array(_WHITE, np.float32)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lightness = 116 * root[..., 1] - 16
    red_green, yellow_blue = 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])
    return np.stack([lightness, red_green, yellow_blue], axis=-1).astype(np.float32)


# --- Which of the pixels are food -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Zones:
    """Of the square: `ring` counts from the middle, RINGS and above are too far out to be on the plate."""

    ring: Array
    middle: Array  # 1 in the middle, less outwards
    inside: Array
    around: Array
    outside: Array


@cache
def zones() -> Zones:
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    distance = np.hypot(x - (SIDE_PX - 1) / 2, y - (SIDE_PX - 1) / 2) / (SIDE_PX / 2)  # 1 at the edge of the circle
    return Zones(
        ring=(distance * RINGS / 0.75).astype(int),
        middle=np.exp(-((distance / 0.7) ** 2)).astype(np.float32),
        inside=distance < 0.5,
        around=(distance > 0.5) & (distance < 0.9),
        outside=distance > 0.95,
    )


COLOUR_BINS = 12  # of each of L, a and b
PLATE = 1.2  # how much a colour around the middle speaks against food; it may be food as well


def _food(lab: Array) -> Array:
    """How likely each pixel is food: in the middle, of a colour that the rim of the picture does not have.

    By the colours of three zones: what is common outside is table, what is common around the middle is plate or food.
    """
    place = np.clip((lab + [0, 60, 60]) / [100, 120, 120] * COLOUR_BINS, 0, COLOUR_BINS - 0.01).astype(int)
    code = (place[..., 0] * COLOUR_BINS + place[..., 1]) * COLOUR_BINS + place[..., 2]
    inside, around, outside = (_spread(code[zone]) for zone in (zones().inside, zones().around, zones().outside))
    likely = inside / (inside + outside + PLATE * around + 1e-6)
    food: Array = (likely[code] ** 2 * zones().middle).astype(np.float32)
    return food


def _spread(codes: Array) -> Array:
    """The shares of colours, each also counting a little for its neighbours."""
    counted = np.bincount(codes, minlength=COLOUR_BINS**3).reshape((COLOUR_BINS,) * 3) / codes.size
    for axis in range(3):
        padded = np.pad(counted, [(1, 1) if each == axis else (0, 0) for each in range(3)])
        left, right = np.take(padded, range(COLOUR_BINS), axis), np.take(padded, range(2, COLOUR_BINS + 2), axis)
        counted = 0.5 * counted + 0.25 * (left + right)
    return counted.ravel()


# --- The blocks -----------------------------------------------------------------------------------------------------
def _colours(lab: Array, food: Array) -> Array:
    """Hue by saturation, and lightness of what has no hue; soft bins, so that a little more light is a little move."""
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = (np.arctan2(lab[..., 2], lab[..., 1]) / (2 * np.pi) % 1) * HUES
    saturation = np.clip(chroma / 80, 0, 0.999) * SATURATIONS
    coloured = np.clip((chroma - 6) / 10, 0, 1)
    histogram = np.zeros((HUES, SATURATIONS), np.float64)
    low_hue, low_saturation = np.floor(hue).astype(int), np.floor(saturation).astype(int)
    for next_hue in (0, 1):
        share_hue = hue - low_hue if next_hue else 1 - (hue - low_hue)
        for next_saturation in (0, 1):
            part = saturation - low_saturation
            share = share_hue * (part if next_saturation else 1 - part) * coloured * food
            place = (low_hue + next_hue) % HUES * SATURATIONS + np.minimum(
                low_saturation + next_saturation, SATURATIONS - 1
            )
            histogram += np.bincount(place.ravel(), share.ravel(), HUES * SATURATIONS).reshape(histogram.shape)
    grey = _soft(lab[..., 0] / 100 * (LIGHTNESSES - 1), LIGHTNESSES, (1 - coloured) * food)
    return _rooted(np.concatenate([histogram.ravel(), grey]))


def _lightness(lab: Array, food: Array) -> Array:
    return _rooted(_soft(lab[..., 0] / 100 * (2 * LIGHTNESSES - 1), 2 * LIGHTNESSES, food))


def _places(lab: Array, food: Array) -> Array:
    """Mean colour of each ring and how much it varies there; hue counts more than light."""
    scaled = lab * np.array([0.5, 1, 1], np.float32)
    parts = []
    for ring in range(RINGS):
        weights = (food * (ring == zones().ring))[..., None] + 1e-6
        mean = (scaled * weights).sum(axis=(0, 1)) / weights.sum()
        parts += [mean - [25, 0, 0], np.sqrt((((scaled - mean) ** 2) * weights).sum(axis=(0, 1)) / weights.sum())]
    return np.concatenate(parts)


def _edges(lab: Array, food: Array) -> Array:
    """How edges are spread over directions, whichever way the picture is turned; fine and coarse."""
    parts = []
    for step in (1, 3):
        lightness = lab[::step, ::step, 0]
        down, right = np.gradient(lightness)
        strength = np.hypot(down, right) * food[::step, ::step]
        direction = (np.arctan2(down, right) / np.pi % 1) * ORIENTATIONS
        histogram = np.bincount(direction.astype(int).ravel() % ORIENTATIONS, strength.ravel(), ORIENTATIONS)
        # The amounts of a Fourier transform do not change when the histogram is rotated.
        turned = np.abs(np.fft.rfft(histogram / (histogram.sum() + 1e-9)))[1:]
        amounts = _soft(np.log1p(strength) * 1.6, 8, food[::step, ::step])
        parts += [turned, _rooted(amounts)]
    return np.concatenate(parts)


_UNIFORM = [
    bin(code).count("1") if bin(code ^ ((code << 1 | code >> 7) & 255)).count("1") <= 2 else 9 for code in range(256)
]
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def _texture(lab: Array, food: Array) -> Array:
    """Local binary patterns, the same however turned (Ojala, Pietikäinen, Mäenpää 2002), at three scales."""
    parts = []
    for step in (1, 2, 4):
        light = lab[..., 0]
        light = light[: SIDE_PX // step * step, : SIDE_PX // step * step]
        light = light.reshape(SIDE_PX // step, step, SIDE_PX // step, step).mean(axis=(1, 3))
        middle = light[1:-1, 1:-1]
        code = np.zeros(middle.shape, int)
        for bit, (down, right) in enumerate(_AROUND):
            around = light[1 + down : light.shape[0] - 1 + down, 1 + right : light.shape[1] - 1 + right]
            code |= (around > middle + 1.5).astype(int) << bit  # 1.5: below that it is the noise of the camera
        counted = food[::step, ::step][1:-1, 1:-1]
        parts.append(_rooted(np.bincount(np.array(_UNIFORM)[code].ravel(), counted.ravel(), 10).astype(np.float64)))
    return np.concatenate(parts)


# How much each block counts; found with benchmarks/recognition.py.
BLOCKS: tuple[tuple[Callable[[Array, Array], Array], float], ...] = (
    (_colours, 1.0),
    (_lightness, 0.2),
    (_places, 0.6),
    (_edges, 1.0),
    (_texture, 1.4),
)


def _soft(place: Array, bins: int, weights: Array) -> Array:
    """A histogram in which a value counts for the two bins it lies between."""
    place = np.clip(place, 0, bins - 1)
    low = np.floor(place).astype(int)
    share = place - low
    counted: Array = np.bincount(low.ravel(), ((1 - share) * weights).ravel(), bins).astype(np.float64)
    counted += np.bincount(np.minimum(low + 1, bins - 1).ravel(), (share * weights).ravel(), bins)
    return counted


def _rooted(histogram: Array) -> Array:
    """Roots of shares: a distance between them is Hellinger's, to which rare colours count as well as common ones."""
    rooted: Array = np.sqrt(histogram / (histogram.sum() + 1e-9))
    return rooted


def _unit(vector: Array) -> Array:
    unit: Array = vector / (np.linalg.norm(vector) + 1e-9)
    return unit
