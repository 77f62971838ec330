"""All stages together, and the one for barcodes."""

import dataclasses

import pytest
from PIL import Image

from benchmarks.dishes import DISHES, photo_file
from products.models import Product
from tests.factories import BARCODE, make_product, off_product
from tests.pictures import barcode_image, encoded
from tests.tracking.confirmed import taught
from tests.tracking.recognition.pieces import NOW, picture_of
from tracking import photos
from tracking.recognition.barcode import BarcodeStage
from tracking.recognition.base import SURE, CannotAnswer
from tracking.recognition.chain import recognise
from tracking.services.photos import Seen

pytestmark = pytest.mark.django_db
OTHER = "22007377"


def test_barcode_of_a_known_food_is_exact():
    product = make_product()
    picture = picture_of(barcode_image(BARCODE))

    found = recognise(picture.photo, picture.user, NOW)

    assert found.sure_of == "barcode"
    assert [(each.product, each.barcode) for each in found.candidates] == [(str(product.uuid), BARCODE)]
    assert found.unanswered == ()


def test_barcode_of_an_unknown_food_is_asked_for(provider):
    provider.knows(BARCODE, off_product())

    (found,) = BarcodeStage().look(picture_of(barcode_image(BARCODE)))

    assert found.product == str(Product.objects.get(barcode=BARCODE).uuid)
    assert found.confidence >= SURE


@pytest.mark.parametrize(("status", "doubt"), [(404, "not_found"), (503, "not_asked")])
def test_barcode_that_nobody_explains_is_shown_and_not_sure(provider, settings, status, doubt):
    settings.PROVIDER_ORDER = ["openfoodfacts"]
    if status == 503:
        provider.fails_with(503)

    (found,) = BarcodeStage().look(picture_of(barcode_image(BARCODE)))

    assert (found.barcode, found.product, found.doubts) == (BARCODE, "", (doubt,))
    assert found.confidence < SURE


def test_when_enough_was_asked_only_what_is_here_is_known(provider, monkeypatch):
    monkeypatch.setattr("tracking.recognition.barcode.ASK_S", -1.0)
    make_product(barcode=OTHER, name="Rice")
    provider.knows(BARCODE, off_product())

    (unknown,) = BarcodeStage().look(picture_of(barcode_image(BARCODE)))
    (rice,) = BarcodeStage().look(picture_of(barcode_image(OTHER)))

    assert (unknown.doubts, provider.hits()) == (("not_asked",), 0)
    assert (rice.name, rice.doubts) == ("Rice", ())


def test_two_barcodes_are_two_foods():
    make_product()
    make_product(barcode=OTHER, name="Rice")
    both = Image.new("RGB", (500, 500), "white")
    both.paste(barcode_image(BARCODE), (0, 0))
    both.paste(barcode_image(OTHER), (0, 250))

    assert {each.barcode for each in BarcodeStage().look(picture_of(both))} == {BARCODE, OTHER}


def test_photo_that_nobody_knows_says_of_every_stage_why():
    picture = picture_of(photo_file(DISHES[0], 1))

    found = recognise(picture.photo, picture.user, NOW)

    assert found.candidates == ()
    assert [(each.stage, each.reason) for each in found.unanswered] == [
        ("barcode", "unsure"), ("personal", "unsure"), ("onnx", "off"), ("vision", "off"),
    ]  # fmt: skip
    assert all(each.sentence.endswith(".") for each in found.unanswered)


def test_photo_whose_file_is_gone_is_no_crash():
    picture = picture_of()
    taught(photo=picture_of(user=picture.user).photo, foods=[Seen(name="Soup")], now=NOW)
    photos.remove(picture.photo.uuid)

    found = recognise(picture.photo, picture.user, NOW)

    assert [each.reason for each in found.unanswered[:2]] == ["trouble", "trouble"]
    with pytest.raises(CannotAnswer):
        dataclasses.replace(picture).at_most(100)


def test_stored_photo_of_a_barcode_is_still_read():
    make_product()
    photo = picture_of(encoded(barcode_image(BARCODE, module_px=8, height_px=2000).resize((4000, 3000))))

    assert [each.barcode for each in BarcodeStage().look(photo)] == [BARCODE]
