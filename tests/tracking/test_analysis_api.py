"""Photos that are looked at, over HTTP."""

import uuid
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.factories import make_meal, make_product, make_recipe, make_target, make_token, make_user
from tests.pictures import barcode_image, encoded
from tests.tracking.test_analysis import CODE, analysed, stored, work_off
from tests.tracking.test_photos import a_meal
from tracking import photos
from tracking.dates import today_of
from tracking.models import Draft, Example, MealItem, Photo
from tracking.services import analyses
from workflows.models import Run

pytestmark = pytest.mark.django_db
ANALYZE, BATCH = "/api/v1/workflows/meals/analyze", "/api/v1/workflows/meals/analyze/batch"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    return settings.UPLOAD_DIR


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def api(user):
    return Client(headers={"Authorization": f"Bearer {make_token(user)}"})


def file(name="meal.jpg", image=None):
    return SimpleUploadedFile(name, encoded(image or a_meal(200, 150)).read(), "image/jpeg")


def post(api, path, body, **headers):
    return api.post(path, body, content_type="application/json", headers=headers)


def error(answer):
    said = answer.json()["error"]
    return answer.status_code, said["category"], said["code"], [each["field"] for each in said["details"]]


def draft_address(photo):
    return f"/api/v1/photos/{photo.uuid}/draft"


# --- Start --------------------------------------------------------------------------------------------------------
def test_photo_that_is_here_is_looked_at_and_its_status_leads_to_the_draft(api, user):
    make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE))

    answer = post(api, ANALYZE, {"photo_id": str(photo.uuid)})

    assert answer.status_code == 202
    run = Run.objects.get(uuid=answer.json()["workflow_id"])
    assert answer.json() == {"workflow_id": str(run.uuid), "status": "pending"}
    assert error(api.get(draft_address(photo))) == (409, "workflow", "ANALYSIS_RUNNING", [])

    work_off(run)
    status = api.get(f"/api/v1/workflows/status/{run.uuid}").json()
    assert (status["status"], status["page"]) == ("completed", f"/photos/{photo.uuid}/")
    assert status["result"] == {
        "photo_id": str(photo.uuid), "draft": "open", "candidates": 1, "likely": ["Nut spread"], "sure_of": "barcode",
    }  # fmt: skip
    assert [step["name"] for step in status["steps"]] == ["image", "inference", "feedback", "history"]


def test_photo_that_comes_along_is_kept_and_joins_the_meal(api, user):
    meal = make_meal(user, name="second breakfast")

    answer = api.post(ANALYZE, {"image": file(), "meal_id": meal.pk})

    assert answer.status_code == 202
    photo = Photo.objects.owned_by(user).get()
    work_off(photo.run)
    assert Draft.objects.get(photo=photo).place == (meal.day, "second breakfast")


def test_second_analysis_while_one_runs_is_the_same_run(api, user):
    photo = stored(user)

    answers = [post(api, f"{ANALYZE}/", {"photo_id": str(photo.uuid)}) for _number in range(2)]

    assert answers[0].json() == answers[1].json()
    assert Run.objects.count() == 1


def test_repeated_upload_with_the_same_key_is_answered_as_before_and_kept_once(api, folder):
    first = api.post(ANALYZE, {"image": file()}, headers={"Idempotency-Key": "a"})
    second = api.post(ANALYZE, {"image": file()}, headers={"Idempotency-Key": "a"})

    assert (second.status_code, second.json()) == (202, first.json())
    assert Photo.objects.count() == 1
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2


NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("path", [ANALYZE, BATCH])
@pytest.mark.parametrize("photo_id", [NOBODYS, "x", "7", ""])
def test_photo_that_is_not_there_is_a_404(api, path, photo_id):
    body = {"photo_id": photo_id} if path == ANALYZE else {"photo_ids": [photo_id]}

    answer = post(api, path, body)

    expected = (422, "validation", "VALIDATION_FAILED") if photo_id == "" else (404, "not_found", "NOT_FOUND")
    assert error(answer)[:3] == expected


def test_photo_and_meal_of_somebody_else_are_not_there(api, user):
    mine, theirs = stored(user), stored(make_user())

    assert post(api, ANALYZE, {"photo_id": str(theirs.uuid)}).status_code == 404
    assert post(api, BATCH, {"photo_ids": [str(mine.uuid), str(theirs.uuid)]}).status_code == 404
    for meal in (make_meal().pk, 999, -1, 10**30, "x"):
        assert post(api, ANALYZE, {"photo_id": str(mine.uuid), "meal_id": meal}).status_code == 404
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (ANALYZE, {}, "photo_id"),
        (ANALYZE, {"photo_id": NOBODYS, "image": "x"}, "image"),
        (ANALYZE, {"photo_id": ["x"]}, "photo_id"),
        (ANALYZE, {"photo": NOBODYS}, "photo"),
        (BATCH, {}, "photo_ids"),
        (BATCH, {"photo_ids": []}, "photo_ids"),
        (BATCH, {"photo_ids": "x"}, "photo_ids"),
        (BATCH, {"photo_ids": [NOBODYS] * 101}, "photo_ids"),
    ],
)
def test_bad_input_is_refused_by_its_field(api, path, body, field):
    assert error(post(api, path, body)) == (422, "validation", "VALIDATION_FAILED", [field])


def test_both_a_photo_and_an_id_are_refused_and_nothing_is_kept(api, user):
    photo = stored(user)

    assert api.post(ANALYZE, {"photo_id": str(photo.uuid), "image": file()}).status_code == 422
    assert Photo.objects.count() == 1


def test_signed_out_nothing_is_begun(user):
    photo = stored(user)

    for way in (ANALYZE, BATCH, f"{draft_address(photo)}/confirm"):
        assert Client().post(way, {}, content_type="application/json").status_code == 401
    assert Client().get(draft_address(photo)).status_code == 401


# --- Several ------------------------------------------------------------------------------------------------------
def test_batch_names_its_children_and_where_they_are_in_the_status(api, user):
    make_product(barcode=CODE)
    known, unknown = stored(user, barcode_image(CODE)), stored(user)

    answer = post(api, BATCH, {"photo_ids": [str(known.uuid), str(unknown.uuid)]})

    body = answer.json()
    assert (answer.status_code, body["status"]) == (202, "pending")
    assert body["children"] == [
        {"photo_id": str(photo.uuid), "step": "analyse", "index": index} for index, photo in enumerate([known, unknown])
    ]
    work_off(Run.objects.get(uuid=body["workflow_id"]))
    steps = api.get(f"/api/v1/workflows/status/{body['workflow_id']}").json()["steps"]
    told = [(step["name"], step["index"], step["status"]) for step in steps if step["name"] == "analyse"]
    assert told == [("analyse", -1, "completed"), ("analyse", 0, "completed"), ("analyse", 1, "completed")]
    assert [api.get(draft_address(photo)).status_code for photo in (known, unknown)] == [200, 200]


def test_batch_of_pictures_that_come_along_is_all_or_nothing(api, folder):
    answer = api.post(BATCH, {"images": [file("a.jpg"), SimpleUploadedFile("b.jpg", b"words", "image/jpeg")]})

    assert error(answer) == (422, "validation", "VALIDATION_FAILED", ["images.1"])
    assert not Photo.objects.exists()

    answer = api.post(BATCH, {"images": [file("a.jpg"), file("b.jpg")]})
    assert len(answer.json()["children"]) == Photo.objects.count() == 2


# --- The draft ----------------------------------------------------------------------------------------------------
def test_draft_tells_its_lines_with_amounts_and_what_they_do_to_the_day(api, user):
    food = make_product(barcode=CODE)
    make_target(user, starts_on=today_of(user))
    photo = stored(user, barcode_image(CODE))
    analysed(photo)

    draft = api.get(draft_address(photo)).json()

    assert (draft["photo_id"], draft["state"], draft["date"], draft["doubts"]) == (
        str(photo.uuid), "open", str(today_of(user)), [],
    )  # fmt: skip
    (line,) = draft["items"]
    assert (line["product"], line["food"], line["likely"], line["amount"], line["unit"]) == (
        str(food.uuid), "Nut spread", True, 1, "1 spoon (15 g)",
    )  # fmt: skip
    assert line["nutrients"]["energy_kcal"] == 80.85
    said = {each["code"]: each for each in draft["feedback"]}
    assert said["meal_energy"]["sentence"] == "This meal has about 81\xa0kcal."
    assert said["target_left"]["link"] == f"/day/{today_of(user)}/nutrients/"


def test_confirming_logs_what_is_said_teaches_it_and_can_be_undone(api, user):
    food, recipe = make_product(barcode=CODE), make_recipe(user, ingredients=[{}])
    photo = stored(user, barcode_image(CODE))
    analysed(photo)
    items = [{"product": str(food.uuid), "amount_g": 25}, {"recipe": recipe.pk}]

    answer = post(api, f"{draft_address(photo)}/confirm", {"items": items, "name": "Lunch", "date": "2026-03-02"})

    assert answer.status_code == 201
    assert (answer.json()["date"], answer.json()["name"]) == ("2026-03-02", "lunch")
    assert [(item.name, item.amount) for item in MealItem.objects.order_by("position")] == [
        ("Nut spread", Decimal(25)), ("Pancakes", Decimal(1)),
    ]  # fmt: skip
    taught = Example.objects.owned_by(user).get().foods.order_by("pk").values_list("product", "recipe", "grams")
    assert list(taught) == [(food.pk, None, Decimal(25)), (None, recipe.pk, None)]
    assert api.get(draft_address(photo)).json()["state"] == "confirmed"
    assert post(api, f"/api/v1/undo/{answer.json()['undo']}", {}).status_code == 200
    assert not MealItem.objects.exists()


def test_confirming_without_items_logs_what_is_ticked(api, user):
    make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE))
    analysed(photo)

    assert post(api, f"{draft_address(photo)}/confirm", {}).status_code == 201
    assert MealItem.objects.get().amount == 15


def test_confirming_twice_logs_once(api, user):
    make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE))
    analysed(photo)
    way = f"{draft_address(photo)}/confirm"

    first, again, other = (post(api, way, {}, **{"Idempotency-Key": key}) for key in ("a", "a", "b"))

    assert (again.status_code, again.json()) == (201, first.json())
    assert error(other)[:3] == (409, "conflict", "CONFLICT")
    assert MealItem.objects.count() == 1


def test_nothing_likely_has_to_be_named(api, user):
    photo = stored(user)
    analysed(photo)

    assert error(post(api, f"{draft_address(photo)}/confirm", {})) == (
        422, "validation", "VALIDATION_FAILED", ["items"],
    )  # fmt: skip
    bad = {"items": [{"product": str(uuid.uuid4()), "amount_g": 5}]}
    assert error(post(api, f"{draft_address(photo)}/confirm", bad))[3] == ["items.0.product"]
    assert Draft.objects.get().state == Draft.State.OPEN


def test_discarded_draft_is_gone_and_the_photo_stays(api, user):
    photo = stored(user)
    analysed(photo)

    assert api.delete(draft_address(photo)).status_code == 204
    assert api.get(draft_address(photo)).status_code == 404
    assert post(api, f"{draft_address(photo)}/confirm", {}).status_code == 404
    assert Photo.objects.count() == 1


def test_photo_that_could_not_be_looked_at_says_so(api, user):
    photo = stored(user)
    assert api.get(draft_address(photo)).status_code == 404
    photos.path_of(photo.uuid, "large").unlink()
    work_off(analyses.analyse(photo, now=timezone.now()))

    assert error(api.get(draft_address(photo))) == (502, "ml_processing", "ANALYSIS_FAILED", [])


def test_draft_of_somebody_else_is_not_there(api):
    theirs = stored(make_user())
    analysed(theirs)

    assert api.get(draft_address(theirs)).status_code == 404
    assert api.delete(draft_address(theirs)).status_code == 404
    assert post(api, f"{draft_address(theirs)}/confirm", {}).status_code == 404


def test_draft_of_many_lines_takes_as_many_queries_as_of_few(api, user, django_assert_max_num_queries):
    photo = stored(user)
    analysed(photo)
    draft = Draft.objects.get()
    for number in range(12):
        food = make_product(barcode="", source_id=str(number))
        draft.items.create(position=number, name="x", confidence=0.6, source="vision", product=food, likely=True)

    with django_assert_max_num_queries(10):  # four of them for what the feedback says of the day
        assert len(api.get(draft_address(photo)).json()["items"]) == 12
