import datetime as dt

import pytest
from django.test import Client
from PIL import Image

from tests.factories import make_token, make_user
from tests.pictures import encoded
from tracking import photos
from tracking.models import Photo
from tracking.services.photos import store_photo

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
IMAGE = Image.new("RGB", (900, 600), "red")


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path
    return tmp_path


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"})


def make_photo(user, **changes):
    return store_photo(user=user, picture=encoded(IMAGE), **{"now": NOW, **changes})


def address(photo, size=""):
    return f"/api/v1/photos/{photo.uuid}/image" + (f"?size={size}" if size else "")


def test_upload_is_answered_with_where_its_images_are(client, user):
    answer = client.post("/api/v1/photos", {"image": encoded(IMAGE), "day": "2026-03-01", "time": "19:30"})

    assert answer.status_code == 201
    said = answer.json()
    photo = Photo.objects.owned_by(user).get(uuid=said["id"])
    assert (said["day"], said["time"], said["width"], said["height"]) == ("2026-03-01", "19:30:00", 900, 600)
    assert said["state"] == "new"
    assert client.get(said["image_url"]).content == photos.path_of(photo.uuid, "large").read_bytes()
    assert client.get(said["thumbnail_url"]).content == photos.path_of(photo.uuid, "small").read_bytes()
    assert client.get(f"/api/v1/photos/{said['id']}").json() == said


def test_upload_that_is_repeated_with_its_key_is_kept_once(client, folder):
    first, second = (
        client.post("/api/v1/photos", {"image": encoded(IMAGE)}, headers={"Idempotency-Key": "a"}) for _try in range(2)
    )

    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    assert (Photo.objects.count(), len(list(folder.rglob("*.jpg")))) == (1, 2)


def test_day_that_no_diary_has_is_refused_and_nothing_is_kept(client, folder):
    answer = client.post("/api/v1/photos", {"image": encoded(IMAGE), "day": "0001-01-01"})

    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (422, "day")
    assert list(folder.rglob("*.jpg")) == []


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "image"),
        ({"image": "words"}, "image"),
        ({"image": encoded(IMAGE, "GIF")}, "image"),
        ({"image": encoded(IMAGE), "time": "08:00"}, "day"),
        ({"image": encoded(IMAGE), "day": "soon"}, "day"),
    ],
    ids=["nothing", "words", "gif", "time without day", "no day"],
)
def test_upload_that_cannot_be_is_refused_by_its_field(client, sent, field):
    answer = client.post("/api/v1/photos", sent)

    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
    assert not Photo.objects.exists()


def test_full_disk_is_a_507(client, settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path / "a file"
    settings.UPLOAD_DIR.write_text("where the folder should be")

    answer = client.post("/api/v1/photos", {"image": encoded(IMAGE)})

    assert answer.status_code == 507
    assert (answer.json()["error"]["category"], answer.json()["error"]["code"]) == ("storage", "NO_ROOM")


def test_list_has_own_photos_in_pages_the_newest_first(client, user):
    mine = [make_photo(user, now=NOW + dt.timedelta(hours=hour)) for hour in range(3)]
    make_photo(make_user())

    first = client.get("/api/v1/photos?limit=2").json()
    second = client.get("/api/v1/photos", {"limit": 2, "cursor": first["next_cursor"]}).json()

    found = [each["id"] for each in first["results"] + second["results"]]
    assert found == [str(photo.uuid) for photo in reversed(mine)]
    assert second["next_cursor"] is None


def test_list_takes_as_many_queries_for_many_photos_as_for_few(client, user, django_assert_num_queries):
    for count in (1, 12):
        Photo.objects.bulk_create(Photo(user=user, width=1, height=1, bytes=1) for _ in range(count))
        with django_assert_num_queries(2):  # the token and the photos
            assert client.get("/api/v1/photos").status_code == 200


def test_image_may_be_kept_by_its_owners_browser_alone_and_runs_nothing(client, user):
    photo = make_photo(user)

    answer = client.get(address(photo), headers={"Accept": "application/json"})

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == f'inline; filename="{photo.uuid}-large.jpg"'
    assert "Cookie" in answer["Vary"]


def test_browser_that_has_the_image_is_told_so_without_it(client, user):
    photo = make_photo(user)
    had = client.get(address(photo, "small"))["ETag"]

    again = client.get(address(photo, "small"), headers={"If-None-Match": had})
    other = client.get(address(photo, "large"), headers={"If-None-Match": had})

    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == had
    assert again["Cache-Control"] == "private, max-age=31536000, immutable"
    assert other.status_code == 200


def test_image_is_sent_to_a_signed_in_browser(user):
    browser = Client()
    browser.force_login(user)

    assert browser.get(address(make_photo(user))).status_code == 200


@pytest.mark.parametrize("size", ["huge", "../large", "large.jpg"])
def test_size_that_is_none_is_refused(client, user, size):
    assert client.get(address(make_photo(user), size)).status_code == 422


def test_image_has_nothing_to_say_of_itself(client, user):
    assert client.options(address(make_photo(user))).status_code == 405


def test_image_whose_file_is_gone_is_a_404(client, user):
    photo = make_photo(user)
    photos.remove(photo.uuid)

    assert client.get(address(photo)).status_code == 404


def test_photos_of_others_do_not_exist(client):
    photo = make_photo(make_user())

    for answer in (
        client.get(address(photo)),
        client.get(f"/api/v1/photos/{photo.uuid}"),
        client.delete(f"/api/v1/photos/{photo.uuid}"),
    ):
        assert answer.status_code == 404
    assert Photo.objects.filter(pk=photo.pk).exists()


def test_nobody_is_shown_anything_without_a_login():
    photo, nobody = make_photo(make_user()), Client()

    assert nobody.get(address(photo)).status_code == 401
    assert nobody.get("/api/v1/photos").status_code == 401
    assert nobody.post("/api/v1/photos", {"image": encoded(IMAGE)}).status_code == 401


def test_deleted_photo_is_gone(client, user, django_capture_on_commit_callbacks):
    photo = make_photo(user)

    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"/api/v1/photos/{photo.uuid}").status_code == 204

    assert not photos.path_of(photo.uuid, "large").exists()
    assert client.get(address(photo)).status_code == 404
    assert client.delete(f"/api/v1/photos/{photo.uuid}").status_code == 404
