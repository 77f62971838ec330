"""Drafts are confirmed once, whatever happens at once or goes down in the middle; and they go when they are old."""

import datetime as dt
import threading
from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone

from products.foods import Food
from tests.factories import make_item, make_meal, make_product, make_target, make_user
from tests.pictures import barcode_image
from tests.tracking.test_analysis import CODE, stored
from tests.workflows.test_crash_points import POINTS, crashed_everywhere, result, work_off
from tracking.errors import Conflict
from tracking.feedback import WORDS, feedback
from tracking.models import Draft, Example, MealItem, Photo
from tracking.recognition.base import Recognition
from tracking.runs.analysis import BatchAnalysis, MealAnalysis
from tracking.services import drafts
from tracking.services.diary import of_food
from tracking.services.photos import delete_photo
from tracking.services.recognisers import forget
from tracking.statements import Statement, said
from tracking.summaries import day_of
from tracking.units import Units
from workflows import cleaning, engine

DAY = dt.date(2026, 3, 2)
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    return settings.UPLOAD_DIR


def kept(user, *candidates):
    photo = stored(user, day=DAY)
    return drafts.keep(photo, Recognition(candidates), asked_at=timezone.now(), now=timezone.now())


def some_food():
    return of_food(Food(make_product(), (), timezone.now()), Decimal(30))


# --- Once ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_many_confirmations_at_once_one_logs(folder):
    draft, item = kept(make_user()), some_food()
    begin, outcomes = threading.Barrier(4), []

    def confirm():
        try:
            begin.wait()
            drafts.confirm(draft, [item], day=DAY, meal="lunch", now=timezone.now())
            outcomes.append("logged")
        except Conflict:
            outcomes.append("conflict")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=confirm) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["conflict"] * 3 + ["logged"]
    assert (MealItem.objects.count(), Example.objects.count()) == (1, 1)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_confirming_looking_again_deleting_and_forgetting_at_once_wait_for_each_other(folder):
    """Whoever takes rows in another order than the others would be ended by PostgreSQL: a deadlock."""
    user, food = make_user(), some_food()
    found, trouble = Recognition(()), []

    def at_once(begin, act):
        try:
            begin.wait()
            act()
        except (Conflict, Photo.DoesNotExist):
            pass
        except DatabaseError as error:
            trouble.append(error)
        finally:
            connections.close_all()

    for _round in range(5):
        draft, now = kept(user), timezone.now()
        Photo.objects.update(state=Photo.State.CONFIRMED)  # it was before
        acts = [
            partial(drafts.confirm, draft, [food], day=DAY, meal="lunch", now=now),
            partial(drafts.keep, draft.photo, found, asked_at=now, now=now),
            partial(delete_photo, Photo.objects.get(pk=draft.photo_id)),
            partial(forget, user=user, by="ada", now=now),
        ]
        begin = threading.Barrier(len(acts))
        threads = [threading.Thread(target=at_once, args=(begin, act)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert trouble == []
    assert (Photo.objects.count(), Draft.objects.count(), Example.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_photo_whose_file_is_gone_is_logged_and_teaches_nothing(folder):
    draft = kept(make_user())
    for path in folder.rglob("*.jpg"):
        path.unlink()

    drafts.confirm(draft, [some_food()], day=DAY, meal="lunch", now=NOW)

    assert (MealItem.objects.count(), Example.objects.count()) == (1, 0)
    assert Photo.objects.get().state == Photo.State.CONFIRMED


@pytest.mark.django_db
def test_old_drafts_go_and_what_was_logged_stays():
    draft = kept(make_user())
    drafts.confirm(draft, [some_food()], day=DAY, meal="lunch", now=NOW)
    (rule,) = [rule for rule in cleaning.rules() if rule.name == "drafts past their time"]

    early = cleaning.clean(rule, now=draft.created_at + drafts.KEPT_FOR)
    late = cleaning.clean(rule, now=draft.created_at + drafts.KEPT_FOR + dt.timedelta(seconds=1))

    assert (early, late, Draft.objects.count()) == (0, 1, 0)
    assert (MealItem.objects.count(), Photo.objects.count()) == (1, 1)


# --- Crashes ------------------------------------------------------------------------------------------------------
def run_over(workflow, user, photos):
    ids = [str(photo.uuid) for photo in photos]
    given: dict[str, object] = {"photo_id": ids[0]} if workflow is MealAnalysis else {"photo_ids": ids}
    return engine.start(workflow, input=given, user=user, now=timezone.now())


def left():
    """All that the runs wrote, but times and ids."""
    of_draft = "photo", "day", "meal_name", "state", "doubts", "feedback"
    of_item = "items__name", "items__product", "items__confidence", "items__grams", "items__likely"
    return list(Draft.objects.order_by("photo", "items__position").values_list(*of_draft, *of_item))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("workflow", [MealAnalysis, BatchAnalysis], ids=lambda workflow: workflow.name)
def test_crash_at_every_step_leaves_the_same_draft(workflow, point, monkeypatch):
    user = make_user()
    make_product(barcode=CODE)
    photos = [stored(user, barcode_image(CODE), day=DAY), *([stored(user)] if workflow is BatchAnalysis else [])]
    calm = run_over(workflow, user, photos)
    work_off(calm)
    expected = result(calm), left()
    assert expected[0][0] == "completed"
    Draft.objects.all().delete()

    monkeypatch.setattr(
        "tests.workflows.test_crash_points.start", lambda workflow, **_given: run_over(workflow, user, photos)
    )
    run = crashed_everywhere(workflow, {}, point)

    assert (result(run), left()) == expected
    assert Draft.objects.count() == len(photos)


# --- Feedback -----------------------------------------------------------------------------------------------------
def sentences(statements, **units):
    return [each.sentence.replace("\xa0", " ") for each in said(statements, WORDS, Units(**units))]


@pytest.mark.django_db
def test_meal_is_set_against_what_is_left_of_the_day():
    """539 kcal and 6.3 g of protein in 100 g: 161.7 and 1.89 in 30 g; one was eaten, and one is on the photo."""
    user = make_user()
    make_target(user)
    meal = make_item(make_meal(user)).totals
    day = day_of(user, DAY)

    found = feedback(meal, day, meal_link="/photos/x/")

    assert sentences(found) == [
        "This meal has about 162 kcal.",
        "Energy: 323 kcal of 2,000 kcal with it; 1,677 kcal left for the day.",
        "Protein: 3.8 g of 100 g with it; 96 g left for the day.",
    ]
    assert sentences(found, energy="kJ")[1] == ("Energy: 1,353 kJ of 8,368 kJ with it; 7,015 kJ left for the day.")
    assert [each.link for each in found] == ["/photos/x/", *["/day/2026-03-02/nutrients/"] * 2]
    assert found[1].figures == {
        "nutrient": "energy_kcal", "eaten": "323.4", "target": "2000.0", "at_least": False,
    }  # fmt: skip
    assert [Statement.of(each.kept()) for each in found] == found


@pytest.mark.django_db
def test_what_is_too_much_or_missing_is_named_and_what_is_unknown_is_only_at_least():
    user = make_user()
    make_target(user, energy_kcal=Decimal(1000))
    salty = {"energy_kcal": Decimal(800), "salt_g": Decimal(7), "fiber_g": Decimal(3)}
    everything = make_item(make_meal(user), figures=salty, quantity=Decimal(100), amount=Decimal(100)).totals

    found = feedback(everything, day_of(user, DAY), meal_link="/")

    assert sentences(found) == [
        "This meal has about 800 kcal.",
        "Energy: 1,600 kcal of 1,000 kcal with it; 600 kcal more than you aim for.",
        "Fibre: 6.0 g with it; 25 g a day are advised.",
        "Salt: 14.00 g with it; the reference for a day is 6.00 g.",
    ]


@pytest.mark.django_db
def test_without_a_target_and_without_a_meal_nothing_is_made_up():
    found = feedback(None, day_of(make_user(), DAY), meal_link="/")

    assert [each.code for each in found] == ["no_target", "reference_missing"]
