"""The drawn dishes of the benchmarks: those of the demo, and others that are never taught."""

from tracking.demo_pictures import DISHES, Canvas, Dish, photo, photo_file

__all__ = ["DISHES", "STRANGERS", "Dish", "photo", "photo_file"]


def _pea_soup(on: Canvas) -> None:
    on.pool((125, 150, 60))
    on.pieces((190, 105, 90), 8, (12, 18), share=0.6)


def _bread_cheese(on: Canvas) -> None:
    on.slab((110, 70, 40), 125, 95)
    on.slab((140, 95, 60), 115, 85)
    on.pen.rectangle((on.middle - 75, on.middle - 60, on.middle + 70, on.middle + 60), on.near((245, 205, 85)))
    on.pieces((215, 175, 60), 9, (6, 11), share=0.3)


def _blueberries(on: Canvas) -> None:
    on.pool((246, 244, 240))
    on.pieces((55, 60, 120), 55, (13, 18), squeeze=1)


def _sushi(on: Canvas) -> None:
    for x in range(-1, 2):
        for y in range(-1, 2):
            place = on.middle + x * 95, on.middle + y * 95
            on.disc(*place, 40, on.near((25, 35, 30), 6))
            on.disc(*place, 33, on.near((248, 247, 242), 6))
            on.disc(*place, 14, on.near((240, 120, 80)))


def _mash_sausage(on: Canvas) -> None:
    on.slab((240, 220, 150), 105, 85, at=(on.middle - 45, on.middle + 20))
    for shift in (-30, 30):
        on.pen.line(
            (on.middle + 40, on.middle - 110 + shift, on.middle + 110, on.middle + 90 + shift), (150, 80, 45), 36
        )


def _peas_chicken(on: Canvas) -> None:
    on.pieces((110, 170, 60), 110, (8, 11), squeeze=1)
    on.slab((215, 165, 105), 95, 65, at=(on.middle - 45, on.middle - 30))


def _risotto_mushroom(on: Canvas) -> None:
    on.pieces((232, 220, 190), 220, (4, 7), spread=10)
    on.pieces((140, 110, 85), 26, (13, 20))


def _beetroot(on: Canvas) -> None:
    on.pieces((125, 20, 60), 34, (24, 34), spread=16, squeeze=1)
    on.pieces((248, 246, 240), 14, (9, 15))


def _pancakes(on: Canvas) -> None:
    for shift in (18, 6, -6):
        on.disc(on.middle, on.middle + shift, 135, (190, 125, 60), 0.9)
        on.disc(on.middle, on.middle + shift - 5, 128, on.near((215, 160, 85)), 0.9)
    on.slab((120, 60, 20), 60, 45)


def _chili(on: Canvas) -> None:
    on.pool((140, 45, 28))
    on.pieces((95, 30, 30), 45, (10, 14))
    on.pieces((240, 200, 60), 30, (5, 8))


# Never taught: what the recogniser has to be silent about. Most look much like one of the others.
STRANGERS = (
    Dish("Pea soup", _pea_soup, bowl=True),
    Dish("Bread with cheese", _bread_cheese),
    Dish("Yoghurt with blueberries", _blueberries, bowl=True),
    Dish("Sushi", _sushi),
    Dish("Sausages with mash", _mash_sausage),
    Dish("Chicken with peas", _peas_chicken),
    Dish("Mushroom risotto", _risotto_mushroom),
    Dish("Beetroot", _beetroot),
    Dish("Pancakes", _pancakes),
    Dish("Chili", _chili, bowl=True),
)
