"""A photo as it might have been taken as well: turned, nearer, off the middle, in other light.

Each is another photo of what is certainly the same dish, so how their features differ is how photos of one dish may
differ (data augmentation). Made small: features look at no more (`features.SIDE_PX`). Some 17 ms of one core for one
with its features.
"""

import random

from PIL import Image

from tracking import photos
from tracking.models import Photo
from tracking.recognition.arrays import Array, np
from tracking.recognition.features import of_image

COUNT = 6  # of each photo; more change little
SIDE_PX = 200


def of_photo(photo: Photo) -> Array:
    """The features of its variants, one a row. The same each time. Raises OSError where the file is gone."""
    with Image.open(photos.path_of(photo.uuid, "small")) as image:
        return of_picture(image, seed=photo.uuid.hex)


def of_picture(image: Image.Image, *, seed: str) -> Array:
    chance = random.Random(seed)
    small = image.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    return np.stack([of_image(_lit(_moved(small, chance), chance)) for _ in range(COUNT)])


def _moved(image: Image.Image, chance: random.Random) -> Image.Image:
    """Turned by any angle, a little nearer or farther, a little from the side, a little off the middle."""
    angle, near, tilt = chance.uniform(0, 2 * np.pi), chance.uniform(0.8, 1.15), chance.uniform(0.88, 1)
    off_x, off_y = chance.uniform(-12, 12), chance.uniform(-12, 12)
    a, b = near * np.cos(angle), -near / tilt * np.sin(angle)
    d, e = near * np.sin(angle), near / tilt * np.cos(angle)
    half = SIDE_PX / 2
    matrix = (a, b, half + off_x - (a + b) * half, d, e, half + off_y - (d + e) * half)
    corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]]
    red, green, blue = (int(part) for part in np.median(corners, axis=0))
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(red, green, blue)
    )


def _lit(image: Image.Image, chance: random.Random) -> Image.Image:
    """Warmer or colder, brighter or darker, more so on one side; with the noise of a camera."""
    light: Array = np.asarray(image, np.float32) / 255
    warm = chance.uniform(-0.15, 0.15)
    light = light * np.array([1 + warm, 1, 1 - warm], np.float32) * chance.uniform(0.7, 1.15)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX] / SIDE_PX - 0.5
    side, fall = chance.uniform(0, 2 * np.pi), chance.uniform(0, 0.4)
    light = light * (1 + fall * (x * np.cos(side) + y * np.sin(side)))[..., None]
    light = np.clip(light, 0, 1) ** chance.uniform(0.85, 1.2)
    noise = np.random.default_rng(chance.getrandbits(32)).normal(0, chance.uniform(0.003, 0.02), light.shape)
    return Image.fromarray(((light + noise).clip(0, 1) * 255).astype(np.uint8))
