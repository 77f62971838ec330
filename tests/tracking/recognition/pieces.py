"""What the tests of recognition share."""

import datetime as dt
import functools
import io

from PIL import Image

from benchmarks import dishes
from tests.factories import make_user
from tests.pictures import encoded
from tracking.recognition.base import Candidate, CannotAnswer, Picture
from tracking.services.photos import store_photo

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@functools.cache  # to draw one takes a fifth of a second
def _drawn(dish: dishes.Dish, number: int) -> bytes:
    return dishes.photo_file(dish, number).getvalue()


def photo_file(dish: dishes.Dish, number: int) -> io.BytesIO:
    """As a phone would send it."""
    file = io.BytesIO(_drawn(dish, number))
    file.name = "photo.jpg"
    return file


def picture_of(image=None, user=None):
    """A stored photo as a stage sees it."""
    user = user or make_user()
    file = image if hasattr(image, "read") else encoded(image or Image.new("RGB", (300, 200), "red"))
    return Picture(store_photo(user=user, picture=file, now=NOW), user, NOW)


class Says:
    """A stage that has these candidates, or cannot answer for this reason."""

    def __init__(self, name, *candidates, cannot=None):
        self.name, self.candidates, self.cannot, self.asked = name, candidates, cannot, 0

    def look(self, picture):
        self.asked += 1
        if self.cannot:
            raise CannotAnswer(self.cannot, f"{self.name} cannot.")
        return self.candidates


def some(name, confidence, **changes):
    return Candidate(name, confidence, "somebody", **{"search": name, **changes})
