"""Recorded photos: of meals, and of barcodes after they were stored."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from products.scanning import barcodes_in
from tracking.photos import prepare
from tracking.recognition.features import of_image

SAMPLES = os.environ.get("DIETINTEL_SAMPLES", "")
pytestmark = pytest.mark.skipif(not SAMPLES, reason="DIETINTEL_SAMPLES names no folder of recorded photos")


def small_copy(path):
    return Image.open(io.BytesIO(prepare(io.BytesIO(path.read_bytes())).copies["small"]))


def test_meal_photographed_again_is_nearest_to_itself():
    meals = sorted((Path(SAMPLES) / "meals").glob("*.jpg"))
    known = [of_image(small_copy(path)) for path in meals]
    assert len(known) >= 3

    for place, path in enumerate(meals):
        image = small_copy(path)
        wide, high = image.size
        again = image.crop((wide // 12, high // 16, wide - wide // 16, high - high // 12)).rotate(8, expand=False)
        again = ImageEnhance.Color(ImageEnhance.Brightness(again).enhance(0.8)).enhance(0.9)
        apart = [float(np.linalg.norm(of_image(again) - each)) for each in known]
        assert int(np.argmin(apart)) == place, path.name


def test_barcodes_are_read_from_the_stored_copy_as_well_as_from_the_upload():
    folder = Path(SAMPLES) / "barcodes"
    expected = json.loads((folder / "expected.json").read_text())
    before, after = 0, 0

    for name in expected:
        upload = (folder / name).read_bytes()
        before += bool(barcodes_in(io.BytesIO(upload)))
        stored = barcodes_in(io.BytesIO(prepare(io.BytesIO(upload)).copies["large"]))
        after += bool(stored)
        if expected[name]["must_be_empty"]:
            assert stored == [], name

    assert before >= 25
    assert after >= before - 2
