"""Photos as pages: in, looked through, who sees them, and away."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_user
from tests.pictures import encoded
from tests.tracking.test_photos import a_meal, files_in
from tracking import photos
from tracking.dates import today_of
from tracking.models import Draft, Photo
from tracking.recognition.base import Recognition
from tracking.recognition.vision import agreed
from tracking.services.analyses import analyse_batch
from tracking.services.drafts import keep
from tracking.services.photos import store_photo
from workflows.models import Run

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
    assert response.redirect_chain == [(f"/photos/together/{Run.objects.get().uuid}/", 302)]
    assert response.content.count(b"size=small") == 3


def test_photo_from_the_page_of_another_day_belongs_to_that_day(reader, user):
    reader.post(PHOTOS, {"images": file(), "day": "2026-03-02"})

    assert Photo.objects.get().day == dt.date(2026, 3, 2)
    assert 'name="day" value="2026-03-02"' in reader.get("/day/2026-03-02/").content.decode()
    assert 'name="day"' not in reader.get("/today/").content.decode()


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
    photo = Photo.objects.owned_by(user).get()
    assert len(files_in(folder)) == 2
    assert photo.run == Run.objects.get(workflow="meal_analysis")


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
OF_ONE = ("photo", "photo_delete", "photo_analyse", "photo_cancel", "photo_by_hand", "photo_draft")
OF_BATCH = ("photo_batch", "photo_batch_cancel", "photo_batch_retry")


def ways_to(photo):
    photo.refresh_from_db()
    of_batch = [reverse(name, args=[photo.run.uuid]) for name in OF_BATCH] if photo.run else []
    return [*(reverse(name, args=[photo.uuid]) for name in OF_ONE), *of_batch]


def test_signed_out_nothing_is_shown(user):
    photo = stored(user)
    analyse_batch(user, [photo], now=timezone.now())

    for way in [PHOTOS, "/photos/service/", *ways_to(photo)]:
        assert Client().get(way)["Location"].startswith("/login/")
        assert Client().post(way)["Location"].startswith("/login/")


def test_photo_of_somebody_else_is_not_there(reader):
    theirs = stored(make_user())
    analyse_batch(theirs.user, [theirs], now=timezone.now())

    for way in ways_to(theirs):
        assert reader.post(way).status_code in {404, 405}
        assert reader.get(way).status_code in {404, 405}
    assert reader.get(page_of(theirs)).status_code == 404
    assert reader.get(PHOTOS).context["days"] == []
    assert not Draft.objects.exists()
    assert Photo.objects.get() == theirs


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


# --- Who sees them ------------------------------------------------------------------------------------------------
SERVICE = "/photos/service/"


def test_without_a_service_photos_stay_here_and_nobody_is_asked(reader):
    page = reader.get(PHOTOS).content.decode()

    assert "Photos stay on this server." in page
    assert SERVICE not in page
    assert reader.get(SERVICE).status_code == 404


def test_person_agrees_to_the_host_that_is_named_and_takes_it_back(reader, user, settings):
    settings.VISION_BASE_URL = "https://eyes.example.org/v1"
    assert "More can be recognised by eyes.example.org" in reader.get(PHOTOS).content.decode()
    assert "<strong>eyes.example.org</strong>" in reader.get(SERVICE).content.decode()

    reader.post(SERVICE, {"host": "eyes.example.org"})

    assert agreed(user)
    assert "are sent to eyes.example.org" in reader.get(PHOTOS).content.decode()
    reader.post(SERVICE, {"withdraw": "1"})
    assert not agreed(user)


def test_another_host_has_to_be_agreed_to_anew(reader, user, settings):
    settings.VISION_BASE_URL = "https://eyes.example.org/v1"
    reader.post(SERVICE, {"host": "eyes.example.org"})
    settings.VISION_BASE_URL = "https://others.example.org/v1"

    response = reader.post(SERVICE, {"host": "eyes.example.org"})

    assert response.status_code == 422
    assert not agreed(user)
    assert "is another one now: others.example.org" in reader.get(PHOTOS).content.decode()
    assert "You had agreed to eyes.example.org." in reader.get(SERVICE).content.decode()


# --- Cost ---------------------------------------------------------------------------------------------------------
def test_ten_times_the_photos_cost_no_more_queries(reader, user):
    counts = []
    for more in (1, 9):
        photos = [stored(user, a_meal(60, 60)) for _number in range(more)]
        run = analyse_batch(user, photos, now=timezone.now())
        for photo in photos:
            keep(photo, Recognition(()), asked_at=timezone.now(), now=timezone.now())
        of_each = []
        for address in (PHOTOS, reverse("photo_batch", args=[run.uuid]), "/today/"):
            with CaptureQueriesContext(connection) as queries:
                assert reader.get(address).status_code == 200
            of_each.append(len(queries))
        counts.append(of_each)

    assert counts[0] == counts[1]
