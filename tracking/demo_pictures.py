"""Dishes, drawn: photos of meals as a person would take them day after day, each from its food and a number.

Deterministic: the same food and number give the same photo. What varies is what varies in kitchens: how the food lies,
plate, table, light (strength, colour, side, shadow), distance, angle, what is cut off, sharpness, noise, compression.
"""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
SIDE = 640


@dataclass(frozen=True)
class Dish:
    """Something to eat, how it is drawn inside a plate of radius `r` around `c`, and what it is served on."""

    name: str
    draw: Callable[["Canvas"], None]
    bowl: bool = False


class Canvas:
    """A picture being drawn, with its own chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.image = Image.new("RGB", (SIDE, SIDE))
        self.pen = ImageDraw.Draw(self.image)
        self.middle = SIDE / 2
        self.radius = 200.0

    def near(self, colour: Colour, spread: int = 12) -> Colour:
        red, green, blue = (max(0, min(255, part + self.chance.randint(-spread, spread))) for part in colour)
        return red, green, blue

    def spot(self, share: float = 1.0) -> tuple[float, float]:
        """Somewhere on the plate, within this share of its radius."""
        angle, far = self.chance.uniform(0, 2 * np.pi), self.radius * share * self.chance.random() ** 0.5
        return self.middle + far * np.cos(angle), self.middle + far * np.sin(angle)

    def disc(self, x: float, y: float, r: float, colour: Colour, squeeze: float = 1.0) -> None:
        self.pen.ellipse((x - r, y - r * squeeze, x + r, y + r * squeeze), fill=colour)

    def pool(self, colour: Colour, share: float = 0.92) -> None:
        """A liquid up to the rim."""
        self.disc(self.middle, self.middle, self.radius * share, colour)

    def pieces(self, colour: Colour, count: int, size: tuple[float, float], *, share: float = 0.8, spread: int = 14,
               squeeze: float = 0.75) -> None:  # fmt: skip
        """Round pieces, each with a shadow and a gloss."""
        for _ in range(count):
            (x, y), r = self.spot(share), self.chance.uniform(*size)
            own = self.near(colour, spread)
            dark: Colour = (own[0] * 2 // 3, own[1] * 2 // 3, own[2] * 2 // 3)
            self.disc(x + 2, y + 3, r, dark, squeeze)
            self.disc(x, y, r, own, squeeze)
            self.disc(x - r / 3, y - r / 3, r / 4, self.near((255, 255, 255), 30), squeeze)

    def strands(self, colour: Colour, count: int, width: int, *, share: float = 0.8, length: float = 90) -> None:
        for _ in range(count):
            x, y = self.spot(share)
            angle, points = self.chance.uniform(0, 2 * np.pi), [(x, y)]
            for _ in range(6):
                angle += self.chance.uniform(-0.7, 0.7)
                x, y = x + length / 6 * np.cos(angle), y + length / 6 * np.sin(angle)
                points.append((x, y))
            self.pen.line(points, fill=self.near(colour, 20), width=width, joint="curve")

    def bars(self, colour: Colour, count: int, size: tuple[float, float], *, share: float = 0.7) -> None:
        """Straight pieces: chips, beans."""
        for _ in range(count):
            (x, y), angle = self.spot(share), self.chance.uniform(0, np.pi)
            along = np.array([np.cos(angle), np.sin(angle)]) * size[0] / 2
            across = np.array([-np.sin(angle), np.cos(angle)]) * size[1] / 2
            corners = [along + across, along - across, -along - across, -along + across]
            box = [(x + corner[0], y + corner[1]) for corner in corners]
            self.pen.polygon(box, fill=self.near(colour, 18), outline=self.near((colour[0] // 2, colour[1] // 2, 20)))

    def slab(self, colour: Colour, wide: float, high: float, *, at: tuple[float, float] | None = None) -> None:
        """One large piece with a soft edge: a steak, a slice of bread."""
        x, y = at or (self.middle, self.middle)
        shape = []
        for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            far, high_here = self.chance.uniform(0.9, 1.05), high * self.chance.uniform(0.9, 1.05)
            shape.append((x + wide * np.cos(turn) * far, y + high_here * np.sin(turn)))
        self.pen.polygon(shape, fill=self.near(colour))


def _salad(on: Canvas) -> None:
    on.pieces((70, 140, 50), 60, (18, 34), spread=30, squeeze=0.5)
    on.pieces((200, 40, 35), 8, (16, 24))
    on.pieces((170, 200, 140), 9, (14, 20))


def _spaghetti(on: Canvas) -> None:
    on.strands((232, 200, 120), 150, 5)
    for _ in range(5):
        on.slab((170, 45, 25), 34, 26, at=on.spot(0.4))


def _carbonara(on: Canvas) -> None:
    on.strands((240, 220, 160), 160, 5)
    on.pieces((180, 90, 80), 14, (7, 11), share=0.6)


def _fries(on: Canvas) -> None:
    on.bars((226, 178, 70), 75, (90, 13))


def _steak(on: Canvas) -> None:
    on.slab((95, 55, 38), 105, 75, at=(on.middle - 40, on.middle))
    on.bars((60, 120, 45), 24, (80, 9), share=0.6)


def _porridge(on: Canvas) -> None:
    on.pool((222, 205, 175))
    on.pieces((60, 60, 130), 14, (11, 16), share=0.5)


def _muesli(on: Canvas) -> None:
    on.pool((245, 243, 238))
    on.pieces((190, 150, 95), 90, (6, 13), spread=30)
    on.pieces((205, 45, 55), 7, (16, 22), share=0.6)


def _tomato_soup(on: Canvas) -> None:
    on.pool((200, 62, 30))
    on.strands((250, 240, 225), 3, 8, share=0.3)


def _pumpkin_soup(on: Canvas) -> None:
    on.pool((228, 140, 38))
    on.pieces((70, 90, 40), 16, (4, 8), share=0.4)


def _rice_curry(on: Canvas) -> None:
    on.pieces((246, 243, 232), 220, (4, 7), spread=8)
    on.slab((205, 150, 40), 95, 70, at=(on.middle + 50, on.middle + 30))
    on.pieces((190, 120, 40), 9, (16, 24), share=0.5)


def _lentils(on: Canvas) -> None:
    on.pool((120, 85, 45), 0.85)
    on.pieces((110, 75, 40), 150, (5, 8), spread=22)
    on.pieces((225, 120, 40), 9, (9, 13))


def _pizza(on: Canvas) -> None:
    on.slab((205, 160, 100), 180, 180)
    on.slab((235, 195, 95), 155, 155)
    on.pieces((175, 45, 30), 16, (18, 24), share=0.65)


def _fried_eggs(on: Canvas) -> None:
    for way in (-1, 1):
        on.slab((248, 246, 240), 80, 72, at=(on.middle + way * 72, on.middle))
        on.disc(on.middle + way * 72 + 6, on.middle - 4, 30, on.near((245, 180, 40)))


def _toast(on: Canvas) -> None:
    on.pen.rounded_rectangle((on.middle - 115, on.middle - 105, on.middle + 115, on.middle + 105), 30, (150, 95, 45))
    on.pen.rounded_rectangle(
        (on.middle - 102, on.middle - 92, on.middle + 102, on.middle + 92), 24, on.near((222, 180, 120))
    )
    on.slab((120, 20, 40), 75, 65)  # fmt: skip


def _fruit(on: Canvas) -> None:
    on.pieces((240, 150, 40), 12, (24, 32), squeeze=1)
    on.pieces((210, 35, 50), 14, (18, 25))
    on.pieces((120, 190, 70), 12, (20, 26), squeeze=1)


def _salmon(on: Canvas) -> None:
    on.slab((240, 140, 105), 115, 55, at=(on.middle, on.middle - 50))
    on.pieces((75, 145, 60), 22, (16, 24), share=0.6)
    on.pieces((240, 225, 165), 9, (22, 28), share=0.8)


DISHES = (
    Dish("Green salad", _salad),
    Dish("Spaghetti bolognese", _spaghetti),
    Dish("Spaghetti carbonara", _carbonara),
    Dish("Fries", _fries),
    Dish("Steak with beans", _steak),
    Dish("Porridge with blueberries", _porridge, bowl=True),
    Dish("Muesli with strawberries", _muesli, bowl=True),
    Dish("Tomato soup", _tomato_soup, bowl=True),
    Dish("Pumpkin soup", _pumpkin_soup, bowl=True),
    Dish("Rice with curry", _rice_curry),
    Dish("Lentils", _lentils, bowl=True),
    Dish("Pizza", _pizza),
    Dish("Fried eggs", _fried_eggs),
    Dish("Toast with jam", _toast),
    Dish("Fruit salad", _fruit, bowl=True),
    Dish("Salmon with broccoli", _salmon),
)
TABLES: tuple[Colour, ...] = ((150, 110, 75), (222, 218, 210), (84, 66, 54), (176, 184, 190))
PLATES: tuple[Colour, ...] = ((248, 248, 246), (248, 248, 246), (238, 232, 220), (96, 116, 136))


def photo(dish: Dish, number: int, *, side: int = 512) -> Image.Image:
    """The `number`th photo of a dish."""
    chance = random.Random(f"{dish.name} {number}")
    on = Canvas(chance)
    _table(on)
    plate = on.near(chance.choice(PLATES), 4)
    rim = 225 if dish.bowl else 265
    on.disc(on.middle + 6, on.middle + 9, rim, (40, 36, 34))
    on.disc(on.middle, on.middle, rim, plate)
    on.radius = 200.0
    shade: Colour = (plate[0] * 9 // 10, plate[1] * 9 // 10, plate[2] * 9 // 10)
    on.disc(on.middle, on.middle, on.radius, shade)
    dish.draw(on)
    return _taken(on.image, chance, side)


def photo_file(dish: Dish, number: int) -> io.BytesIO:
    """As a phone would send it."""
    file = io.BytesIO()
    photo(dish, number, side=800).save(file, "JPEG", quality=88)
    file.seek(0)
    file.name = "photo.jpg"
    return file


def _table(on: Canvas) -> None:
    on.pen.rectangle((0, 0, SIDE, SIDE), on.chance.choice(TABLES))
    grain = np.random.default_rng(on.chance.getrandbits(32)).normal(0, 1, (SIDE // 40, SIDE))
    lines = Image.fromarray((128 + 12 * grain).clip(0, 255).astype(np.uint8)).resize((SIDE, SIDE))
    pixels = np.asarray(on.image, np.float32) + (np.asarray(lines, np.float32) - 128)[..., None]
    on.image.paste(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def _taken(scene: Image.Image, chance: random.Random, side: int) -> Image.Image:
    """The scene through a telephone: turned, nearer or farther, off the middle, in some light, with noise."""
    angle = chance.uniform(0, 2 * np.pi)
    zoom = chance.uniform(0.78, 1.2) * SIDE / side
    tilt = chance.uniform(0.85, 1.0)
    off_x, off_y = chance.uniform(-45, 45), chance.uniform(-45, 45)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b, d, e = zoom * cos, -zoom * sin / tilt, zoom * sin, zoom * cos / tilt
    c = SIDE / 2 + off_x - a * side / 2 - b * side / 2
    f = SIDE / 2 + off_y - d * side / 2 - e * side / 2
    edge = scene.getpixel((3, 3))
    seen = scene.transform(
        (side, side), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC, fillcolor=edge
    )
    seen = seen.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.4)))
    light = np.asarray(seen, np.float32) / 255
    warm = chance.uniform(-0.16, 0.2)  # from a cloudy window to a bulb
    light = light * np.array([1 + warm, 1, 1 - warm], np.float32) * chance.uniform(0.6, 1.15)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    side_of_light = chance.uniform(0, 2 * np.pi)
    fall = chance.uniform(0, 0.5)
    light *= (1 + fall * (x * np.cos(side_of_light) + y * np.sin(side_of_light)))[..., None]
    if chance.random() < 0.3:  # somebody's head
        sx, sy, sr = chance.uniform(-0.5, 0.5), chance.uniform(-0.5, 0.5), chance.uniform(0.2, 0.4)
        light *= (1 - 0.4 / (1 + np.exp((np.hypot(x - sx, y - sy) - sr) * 40)))[..., None]
    light = np.clip(light, 0, 1) ** chance.uniform(0.85, 1.2)
    noise = np.random.default_rng(chance.getrandbits(32)).normal(0, chance.uniform(0.005, 0.03), light.shape)
    pixels = ((light + noise).clip(0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=chance.randint(70, 92))
    with Image.open(file) as compressed:
        return compressed.convert("RGB")
