"""A photo's way to a draft, as a run: each stage, each trouble, each crash."""

import datetime as dt
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone
from PIL import Image

from dietintel.gateway.session import session
from tests.factories import make_item, make_meal, make_product, make_target, make_user
from tests.pictures import barcode_image, encoded
from tests.tracking.confirmed import taught
from tests.tracking.test_photos import a_meal
from tests.vision import FakeVision
from tracking import photos
from tracking.dates import today_of
from tracking.drafts import likely
from tracking.models import Draft, MealItem, Photo
from tracking.recognition.base import Candidate
from tracking.services import analyses, drafts
from tracking.services.photos import Seen, agree_to_vision, store_photo
from workflows import engine, execution
from workflows.models import Run, Step
from workflows.states import RunState, StepState

pytestmark = pytest.mark.django_db
CODE = "4006381333931"
SAMPLES = os.environ.get("DIETINTEL_SAMPLES", "")


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    return settings.UPLOAD_DIR


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def service(settings, user):
    """A vision service that `user` agreed to."""
    started = FakeVision()
    settings.VISION_BASE_URL, settings.VISION_MODEL = started.url, "looker:7b"
    agree_to_vision(user=user, host=f"127.0.0.1:{started.port}")
    yield started
    session().close()
    started.stop()


def stored(user, image=None, **changes):
    return store_photo(user=user, picture=encoded(image or a_meal(300, 200)), now=timezone.now(), **changes)


def due(run):
    """What a worker would do next, whatever the pause between two tries."""
    Step.objects.filter(run=run, state=StepState.READY).update(not_before=timezone.now())
    return run.steps.filter(state=StepState.READY).first()


def work_on(step):
    """As a worker does, whose lease nobody looks after: another connection does not see the rows of this test."""
    with mock.patch.object(execution, "BEAT_S", 60):
        execution.work_on(step.pk)


def work_off(run, *, until=""):
    """Do what is due, as a worker does; stop before the step `until`."""
    while (step := due(run)) and step.name != until:
        work_on(step)
    return Run.objects.get(pk=run.pk)


def analysed(photo, **how):
    return work_off(analyses.analyse(photo, now=timezone.now(), **how))


def lines(photo):
    items = Draft.objects.get(photo=photo).items.all()
    return [(item.name, item.source, item.likely) for item in items]


def tries(run, name):
    return run.steps.get(name=name, index=-1).attempts.count()


# --- Who knows ----------------------------------------------------------------------------------------------------
def test_barcode_is_sure_and_its_food_is_ticked(user):
    food = make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE), day=dt.date(2026, 3, 2), time=dt.time(12, 40))

    run = analysed(photo)

    draft = Draft.objects.get(photo=photo)
    assert (run.state, run.degraded, run.doubts) == (RunState.COMPLETED, False, [])
    assert (draft.day, draft.meal_name, draft.time, draft.sure_of) == (
        dt.date(2026, 3, 2), "lunch", dt.time(12, 40), "barcode",
    )  # fmt: skip
    assert lines(photo) == [("Nut spread", "barcode", True)]
    assert draft.items.get().product == food
    assert not MealItem.objects.exists()


def test_what_was_confirmed_before_is_guessed_and_the_best_guess_is_ticked(user):
    food = make_product()
    for _number in range(3):
        taught(photo=stored(user), foods=[Seen(product=food, grams=Decimal(40))], now=timezone.now())
        other = Image.new("RGB", (300, 200), (30, 160, 30))
        taught(photo=stored(user, other), foods=[Seen(name="Pea soup")], now=timezone.now())

    photo = stored(user)
    analysed(photo)

    item, *_others = Draft.objects.get(photo=photo).items.all()
    assert (item.product, item.source, item.grams, item.likely) == (food, "personal", Decimal(40), True)


def test_foods_of_one_vision_answer_are_lines_with_grams_and_plurals_find_their_food(user, service):
    eggs = make_product(name="Egg, scrambled", barcode="")
    strawberries = make_product(name="Strawberries, raw", barcode="", source_id="2")
    photo = stored(user)

    run = analysed(photo)

    found = {each.name: (each.product, each.grams, each.likely) for each in Draft.objects.get(photo=photo).items.all()}
    assert (run.state, run.degraded) == (RunState.COMPLETED, False)
    assert found["Scrambled eggs"] == (eggs, Decimal(120), True)
    assert found["Strawberries"] == (strawberries, Decimal("60.5"), True)
    assert found["Bacon"] == (None, None, False)  # nothing here is called so: it stays a name to search for


def test_where_nobody_knows_it_the_run_says_so_and_offers_what_is_often_eaten(user):
    food = make_product()
    make_item(make_meal(user, day=today_of(user)), product=food)
    photo = stored(user)

    run = analysed(photo)

    assert (run.state, run.degraded) == (RunState.COMPLETED, True)
    assert run.doubts == [
        "Nobody could say what is on the photo. Choose from what you often eat at this hour, or search."
    ]
    assert lines(photo) == [("Nut spread", "recents", False)]
    assert Draft.objects.get(photo=photo).doubts == run.doubts


def test_photo_joins_the_meal_that_was_asked_for(user):
    meal = make_meal(user, day=dt.date(2026, 3, 1), name="second breakfast")
    photo = stored(user)

    analysed(photo, meal=meal)

    assert Draft.objects.get(photo=photo).place == (dt.date(2026, 3, 1), "second breakfast")


A, B = Candidate("a", 0.7, "personal"), Candidate("b", 0.2, "personal")


@pytest.mark.parametrize(
    ("candidates", "ticked"),
    [
        ([], []),
        ([A, B], [True, False]),
        ([Candidate("a", 0.45, "personal")], [False]),
        ([A, Candidate("with it", 0.7, "personal"), B], [True, True, False]),
        ([Candidate("x", 0.8, "vision"), Candidate("y", 0.6, "vision"), Candidate("z", 0.4, "vision")], [1, 1, 0]),
        ([Candidate("x", 0.8, "vision"), A, Candidate("y", 0.6, "vision")], [True, False, True]),
        ([Candidate("mine", 0.9, "personal"), Candidate("x", 0.8, "vision")], [True, False]),
    ],
    ids=["nothing", "best", "unlikely", "one meal of two", "several", "vision first", "personal first"],
)
def test_only_what_is_likely_is_ticked_and_guesses_at_the_same_thing_once(candidates, ticked):
    assert likely(candidates) == ticked


# --- What may go wrong ------------------------------------------------------------------------------------------
TROUBLE = {
    "429": (lambda it: it.fails_with(429), "so often"),
    "html": (lambda it: it.fails_with(200, b"<html>"), "could not be asked"),
    "prose": (lambda it: it.writes("I see a lovely plate!"), "prose"),
    "schema": (lambda it: it.writes('{"meal": []}'), "another form"),
}


TRIED = {"429": 1, "html": 3, "prose": 3, "schema": 3}  # after a 429 the service asks for a minute, which is too long


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_of_the_service_is_tried_again_then_told_and_is_no_dead_end(user, service, what):
    plan, words = TROUBLE[what]
    plan(service)
    photo = stored(user)

    run = analysed(photo)

    assert (run.state, run.degraded, tries(run, "inference"), tries(run, "image")) == (
        RunState.COMPLETED, True, TRIED[what], 1,
    )  # fmt: skip
    assert words in run.doubts[0]
    assert Draft.objects.get(photo=photo).doubts == run.doubts


def test_trouble_that_passes_leaves_no_trace_in_the_draft(user, service):
    service.writes("I see a lovely plate!")
    photo = stored(user)
    run = analyses.analyse(photo, now=timezone.now())
    work_on(due(run))
    work_on(due(run))
    service.sees([{"name": "Rice", "grams": 200, "confidence": 0.8}])

    run = work_off(run)

    assert (run.degraded, run.doubts, tries(run, "inference")) == (False, [], 2)


def test_service_that_is_slow_is_left_behind(user, service, monkeypatch):
    monkeypatch.setattr("tracking.recognition.chain.VISION_S", 0.3)
    service.delays(1.0)
    photo = stored(user)

    run = analysed(photo)

    assert run.degraded
    assert "took too long" in run.doubts[0]


def test_absurd_weights_and_made_up_foods_are_asked_about(user, service):
    rice = make_product(name="Rice", barcode="")
    service.sees([
        {"name": "Rice", "grams": 1e9, "confidence": 0.9}, {"name": "Unicorn steak", "grams": 0.04, "confidence": 0.8},
    ])  # fmt: skip
    photo = stored(user)

    analysed(photo)

    first, second = Draft.objects.get(photo=photo).items.exclude(source="recents")
    assert (first.product, first.grams, first.doubts) == (rice, None, ["amount"])
    assert (second.product, second.grams, second.likely) == (None, None, False)


def test_feedback_that_cannot_be_computed_is_named_and_the_rest_is_there(user):
    make_product(barcode=CODE)
    item = make_item(make_meal(user, day=today_of(user)))
    with connection.cursor() as cursor:  # figures as no program of ours writes them
        cursor.execute("UPDATE tracking_mealitem SET figures = %s WHERE id = %s", ['{"energy_kcal": "much"}', item.pk])
    photo = stored(user, barcode_image(CODE))

    run = analysed(photo)

    assert (run.state, run.degraded, run.doubts) == (RunState.COMPLETED, True, ["feedback failed"])
    draft = Draft.objects.get(photo=photo)
    assert (draft.feedback, draft.doubts) == (
        [], ["What this meal means for your day is missing: it could not be computed."],
    )  # fmt: skip
    assert lines(photo) == [("Nut spread", "barcode", True)]


def test_inference_that_fails_three_times_fails_the_run_and_is_gone_on_with_from_there(user, folder):
    make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE))
    run = analyses.analyse(photo, now=timezone.now())
    work_off(run, until="inference")
    file = photos.path_of(photo.uuid, "large")
    kept = file.read_bytes()
    file.unlink()

    failed = work_off(run)

    step = run.steps.get(name="inference")
    assert (failed.state, failed.error, step.attempts.count()) == (RunState.FAILED, "inference failed", 3)
    assert "The file of this photo is gone or damaged." in step.error
    assert not Draft.objects.exists()

    file.write_bytes(kept)
    photo.refresh_from_db()
    again = analyses.analyse_again(photo, by="ada", now=timezone.now())

    done = work_off(again)
    assert (again.pk, done.state, tries(done, "image"), tries(done, "inference")) == (run.pk, RunState.COMPLETED, 1, 4)
    assert lines(photo) == [("Nut spread", "barcode", True)]


def test_damaged_file_fails_at_once_with_the_reason(user):
    photo = stored(user)
    photos.path_of(photo.uuid, "large").write_bytes(b"\xff\xd8 no more")

    run = analysed(photo)

    assert (run.state, tries(run, "image"), tries(run, "inference")) == (RunState.FAILED, 1, 0)


def test_deleted_photo_fails_the_run_and_leaves_nothing(user):
    photo = stored(user)
    run = analyses.analyse(photo, now=timezone.now())
    work_off(run, until="history")
    Photo.objects.all().delete()

    run = work_off(run)

    assert run.state == RunState.FAILED
    assert not Draft.objects.exists()


def test_cancelled_analysis_leaves_no_draft(user):
    photo = stored(user)
    run = analyses.analyse(photo, now=timezone.now())
    work_off(run, until="inference")

    engine.cancel(run, by="ada", now=timezone.now())

    assert work_off(run).state == RunState.CANCELLED
    assert not Draft.objects.exists()


# --- Again, and at once -------------------------------------------------------------------------------------------
def test_second_analysis_while_one_runs_is_the_same_run(user):
    photo = stored(user)

    first, second = (analyses.analyse(photo, now=timezone.now()) for _number in range(2))

    assert first.pk == second.pk
    assert analysed(photo).pk == first.pk
    assert analyses.analyse(photo, now=timezone.now()).pk != first.pk


def test_second_look_replaces_the_first_draft(user):
    photo = stored(user, barcode_image(CODE))
    make_product(barcode=CODE)

    analysed(photo)
    analysed(photo)

    assert lines(photo) == [("Nut spread", "barcode", True)]


def test_analysis_that_ends_after_the_person_decided_changes_nothing(user):
    photo = stored(user, barcode_image(CODE))
    make_product(barcode=CODE)
    analysed(photo)
    late = analyses.analyse(photo, now=timezone.now())
    drafts.discard(Draft.objects.get(), now=timezone.now())

    work_off(late)

    assert Draft.objects.get().state == Draft.State.DISCARDED


# --- Several together -------------------------------------------------------------------------------------------
def test_photos_together_have_a_result_each_and_one_that_fails_fails_alone(user):
    make_product(barcode=CODE)
    make_target(user, starts_on=today_of(user))
    known, unknown, gone = stored(user, barcode_image(CODE)), stored(user), stored(user)
    photos.path_of(gone.uuid, "large").unlink()

    run = work_off(analyses.analyse_batch(user, [known, unknown, gone], now=timezone.now()))

    assert (run.state, run.degraded) == (RunState.COMPLETED, True)
    assert run.result == {"photos": 3, "recognised": 1, "unknown": 1, "failed": 1}
    assert run.doubts == ["Nobody could say what is on 1 photo.", "1 of 3 failed in analyse"]
    assert [step.state for step in run.steps.filter(name="analyse", index__gte=0)] == ["done", "done", "failed"]
    assert lines(known) == [("Nut spread", "barcode", True)]
    assert Draft.objects.get(photo=known).feedback
    assert not Draft.objects.filter(photo=gone).exists()


def test_batch_where_all_fail_is_completed_and_says_so(user):
    photo = stored(user)
    photos.path_of(photo.uuid, "large").unlink()

    run = work_off(analyses.analyse_batch(user, [photo], now=timezone.now()))

    assert (run.state, run.result["failed"]) == (RunState.COMPLETED, 1)


def test_batch_waits_as_long_as_the_service_asks_for(user, service):
    service.fails_with(429, headers={"Retry-After": "40"}, times=1)
    run = analyses.analyse_batch(user, [stored(user)], now=timezone.now())
    work_on(due(run))
    work_on(due(run))

    step = run.steps.get(name="analyse", index=0)
    assert step.state == StepState.READY
    assert step.not_before is not None
    assert dt.timedelta(seconds=30) < step.not_before - timezone.now() <= dt.timedelta(seconds=40)


def test_never_more_than_four_at_once(user):
    run = analyses.analyse_batch(user, [stored(user, a_meal(50, 50)) for _number in range(6)], now=timezone.now())
    work_on(due(run))

    assert run.steps.filter(name="analyse", state=StepState.READY).count() == 4


# --- Real photos ------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not SAMPLES, reason="DIETINTEL_SAMPLES names no folder of recorded photos")
def test_recorded_photos_of_meals_and_of_barcodes_become_drafts(user, service):
    folder, name = Path(SAMPLES), "quagga_upc_004.jpg"
    code = json.loads((folder / "barcodes" / "expected.json").read_text())[name]["expected"]
    food = make_product(barcode=code)
    make_product(name="Egg, scrambled", barcode="")
    pictures = [folder / "barcodes" / name, *sorted((folder / "meals").glob("*.jpg"))]
    kept = [store_photo(user=user, picture=io.BytesIO(path.read_bytes()), now=timezone.now()) for path in pictures]

    run = work_off(analyses.analyse_batch(user, kept, now=timezone.now()))

    assert run.result == {"photos": 4, "recognised": 4, "unknown": 0, "failed": 0}
    assert [item.product for item in Draft.objects.get(photo=kept[0]).items.all()] == [food]
    for photo in kept[1:]:
        assert ("Scrambled eggs", "vision", True) in lines(photo)
