import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from benchmarks.dishes import DISHES, photo
from tracking.recognition.features import of_image, packed, unpacked

BY_NAME = {dish.name: dish for dish in DISHES}


@pytest.fixture(scope="module")
def salad():
    return photo(BY_NAME["Green salad"], 1)


@pytest.fixture(scope="module")
def soup():
    return of_image(photo(BY_NAME["Tomato soup"], 1))


def apart(one, other):
    return float(np.linalg.norm(one - other))


def test_same_picture_gives_the_same_numbers(salad):
    assert np.array_equal(of_image(salad), of_image(salad.copy()))


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda image: image.rotate(90), 4),
        (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 4),
        (lambda image: ImageEnhance.Brightness(image).enhance(0.75), 3),
        (lambda image: image.resize((300, 300)), 3),
        (lambda image: image.crop((20, 20, 500, 500)), 3),
    ],
    ids=["turned", "mirrored", "darker", "smaller", "nearer"],
)
def test_other_photo_of_a_dish_is_much_nearer_than_another_dish(salad, soup, change, least):
    seen = of_image(salad)

    assert apart(seen, of_image(change(salad))) * least < apart(seen, soup)


@settings(max_examples=settings().max_examples // 4)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.integers(1, 400), st.integers(1, 400))
def test_any_picture_of_one_colour_has_finite_numbers_of_length_one(colour, width, height):
    seen = of_image(Image.new("RGB", (width, height), colour))

    assert np.isfinite(seen).all()
    assert np.linalg.norm(seen) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_kind_of_colour_does_not_matter_for_what_is_grey(mode):
    grey = Image.linear_gradient("L")

    assert apart(of_image(grey.convert("RGB")), of_image(grey.convert("RGB").convert(mode))) < 0.05


def test_numbers_survive_being_kept(salad):
    seen = of_image(salad)

    assert len(packed(seen)) == 2 * len(seen)
    assert apart(unpacked(packed(seen)), seen) < 0.001
