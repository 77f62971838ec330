"""Photos as pages: in, looked through, named, and away."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_item, make_meal, make_own_food, make_product, make_recipe, make_user
from tests.pictures import barcode_image, encoded
from tests.tracking.test_photos import a_meal, files_in
from tracking import photos
from tracking.dates import today_of
from tracking.models import Example, Photo
from tracking.services.photos import Seen, confirm, store_photo

pytestmark = pytest.mark.django_db
PHOTOS = "/photos/"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.MODEL_PATH = tmp_path / "model.onnx"
    return settings.UPLOAD_DIR


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def file(image=None, name="meal.jpg"):
    return SimpleUploadedFile(name, encoded(image or a_meal()).read(), "image/jpeg")


def stored(user, image=None, **changes):
    return store_photo(user=user, picture=encoded(image or a_meal()), now=timezone.now(), **changes)


def page_of(photo):
    return reverse("photo", args=[photo.uuid])


# --- In -----------------------------------------------------------------------------------------------------------
def test_one_photo_leads_to_its_page(reader, user):
    response = reader.post(PHOTOS, {"images": file()})

    assert response["Location"] == page_of(Photo.objects.owned_by(user).get())


def test_several_photos_come_at_once(reader, user):
    response = reader.post(PHOTOS, {"images": [file(), file(a_meal(400, 300)), file(a_meal(300, 300))]}, follow=True)

    assert Photo.objects.owned_by(user).count() == 3
    assert response.content.count(b"size=small") == 3
    assert "3 photos are kept." in response.content.decode()


def test_no_photo_is_a_sentence_beside_the_field(reader):
    response = reader.post(PHOTOS)

    assert response.status_code == 422
    assert response.context["form"].errors["images"] == ["Choose a photo first."]


def test_bad_upload_is_a_sentence_with_its_name_and_the_others_are_kept(reader, user, folder):
    bad = SimpleUploadedFile("<notes>.jpg", b"no picture", "image/jpeg")

    response = reader.post(PHOTOS, {"images": [bad, file()]})

    assert response.status_code == 422
    (sentence,) = response.context["form"].errors["images"]
    assert sentence.startswith("<notes>.jpg: ")
    assert "&lt;notes&gt;" in response.content.decode()
    assert Photo.objects.owned_by(user).count() == 1
    assert len(files_in(folder)) == 2


def test_full_disk_is_a_sentence_beside_the_field(reader, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(photos, "write", full)

    response = reader.post(PHOTOS, {"images": file()})

    assert response.status_code == 422
    assert "no room" in response.context["form"].errors["images"][0]


def test_too_many_at_once_are_told_to_wait(reader, user, monkeypatch):
    waits = iter([None, 30])
    monkeypatch.setattr("tracking.views.photos.wait_seconds", lambda *_args: next(waits))

    response = reader.post(PHOTOS, {"images": [file(), file()]})

    assert response.status_code == 429
    assert "30 seconds" in response.context["form"].errors["images"][0]
    assert Photo.objects.owned_by(user).count() == 1


# --- Looked through -----------------------------------------------------------------------------------------------
def test_photos_stand_under_their_days_the_latest_first(reader, user):
    today = today_of(user)
    old = stored(user, day=today - dt.timedelta(days=3), time=dt.time(12, 30))
    new = stored(user)

    days = reader.get(PHOTOS).context["days"]

    assert days == [(today, [new]), (today - dt.timedelta(days=3), [old])]


def test_older_ones_are_on_the_next_page(reader, user, monkeypatch):
    monkeypatch.setattr("tracking.views.photos.PAGE", 2)
    for _number in range(3):
        stored(user, a_meal(100, 100))

    first = reader.get(PHOTOS)
    second = reader.get(PHOTOS, {"from": first.context["following"]})

    assert [len(photos) for _day, photos in first.context["days"]] == [2]
    assert [len(photos) for _day, photos in second.context["days"]] == [1]
    assert second.context["following"] is None


def test_more_leads_here_and_the_page_says_where_photos_stay(reader):
    assert f'href="{PHOTOS}"' in reader.get("/more/").content.decode()
    assert "Photos stay on this server." in reader.get(PHOTOS).content.decode()


# --- Whose --------------------------------------------------------------------------------------------------------
def ways_to(photo):
    return [reverse(name, args=[photo.uuid]) for name in ("photo", "photo_confirm", "photo_delete")]


def test_signed_out_nothing_is_shown(user):
    for way in [PHOTOS, *ways_to(stored(user))]:
        assert Client().get(way)["Location"].startswith("/login/")
        assert Client().post(way)["Location"].startswith("/login/")


def test_photo_of_somebody_else_is_not_there(reader):
    theirs = stored(make_user())
    shown, confirmed, deleted = ways_to(theirs)

    assert reader.get(shown).status_code == 404
    assert reader.get(deleted).status_code == 404
    assert reader.post(deleted).status_code == 404
    assert reader.post(confirmed, {"what": f"product:{make_product().uuid}"}).status_code == 404
    assert reader.get(PHOTOS).context["days"] == []
    assert Photo.objects.get().state == Photo.State.NEW


# --- Named --------------------------------------------------------------------------------------------------------
def test_choosing_a_food_teaches_and_leads_to_the_diary(reader, user):
    food, photo = make_product(), stored(user, day=dt.date(2026, 3, 2))
    make_item(make_meal(user, day=today_of(user)), product=food)
    page = reader.get(page_of(photo))
    assert [choice.value for choice in page.context["likely"]] == [f"product:{food.uuid}"]

    response = reader.post(f"{page_of(photo)}confirm/", {"what": f"product:{food.uuid}"})

    assert response["Location"] == reverse("log_food", args=["2026-03-02", food.uuid])
    assert reader.get(response["Location"]).status_code == 200
    assert Example.objects.owned_by(user).get().foods.get().product == food
    assert food.name in reader.get(page_of(photo)).content.decode()
    (choice, *_rest) = reader.get(page_of(stored(user))).context["choices"]
    assert choice.value == f"product:{food.uuid}"


def test_choosing_a_recipe_leads_to_the_recipe(reader, user):
    recipe, photo = make_recipe(user), stored(user)

    response = reader.post(f"{page_of(photo)}confirm/", {"what": f"recipe:{recipe.pk}"})

    assert response["Location"] == reverse("recipe", args=[recipe.pk])
    assert reader.get(page_of(stored(user))).context["choices"][0].value == f"recipe:{recipe.pk}"


def test_barcode_on_the_photo_is_sure(reader, user):
    food = make_product(barcode="4006381333931")
    make_item(make_meal(user, day=today_of(user)), product=make_product(barcode="22007377"))

    shown = reader.get(page_of(stored(user, barcode_image("4006381333931")))).context

    assert [choice.value for choice in shown["choices"]] == [f"product:{food.uuid}"]
    assert "likely" not in shown


def test_what_was_said_can_be_said_again(reader, user):
    wrong, right, photo = make_product(), make_product(barcode="22007377"), stored(user)
    confirm(photo=photo, foods=[Seen(product=wrong)], now=timezone.now())
    assert "choices" in reader.get(page_of(photo), {"again": "1"}).context

    reader.post(f"{page_of(photo)}confirm/", {"what": f"product:{right.uuid}"})

    assert Example.objects.get().foods.get().product == right


NOBODYS = "product:00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("what", ["", "product:", "product:x", NOBODYS, "recipe:999999", "recipe:-1", "x:1"])
def test_what_is_not_here_cannot_be_chosen(reader, user, what):
    assert reader.post(f"{page_of(stored(user))}confirm/", {"what": what}).status_code == 404


def test_food_and_recipe_of_somebody_else_cannot_be_chosen(reader, user):
    other, photo = make_user(), stored(user)

    for what in (f"product:{make_own_food(other).uuid}", f"recipe:{make_recipe(other).pk}"):
        assert reader.post(f"{page_of(photo)}confirm/", {"what": what}).status_code == 404
    assert not Example.objects.exists()


def test_photo_whose_file_is_gone_is_still_a_page(reader, user):
    photo = stored(user)
    photos.remove(photo.uuid)

    page = reader.get(page_of(photo))

    assert page.status_code == 200
    assert "The file of this photo is gone." in page.content.decode()


# --- Away ---------------------------------------------------------------------------------------------------------
def test_deleting_asks_first(reader, user, folder, django_capture_on_commit_callbacks):
    photo = stored(user)
    assert reader.get(f"{page_of(photo)}delete/").status_code == 200
    assert Photo.objects.exists()

    with django_capture_on_commit_callbacks(execute=True):
        response = reader.post(f"{page_of(photo)}delete/")

    assert response["Location"] == PHOTOS
    assert not Photo.objects.exists()
    assert files_in(folder) == []


# --- Cost ---------------------------------------------------------------------------------------------------------
def test_ten_times_the_photos_cost_no_more_queries(reader, user):
    counts = []
    for more in (1, 9):
        for number in range(more):
            food = make_product(barcode="", source_id=f"{more}-{number}")
            make_item(make_meal(user, day=today_of(user), name=f"Meal {more} {number}"), product=food)
            confirm(photo=stored(user, a_meal(100, 100)), foods=[Seen(product=food)], now=timezone.now())
        asked = stored(user, a_meal(120, 120))
        of_each = []
        for address in (PHOTOS, page_of(asked)):
            with CaptureQueriesContext(connection) as queries:
                assert reader.get(address).status_code == 200
            of_each.append(len(queries))
        counts.append(of_each)

    assert counts[0] == counts[1]
    assert counts[0][0] <= 6
    assert counts[0][1] <= 14
