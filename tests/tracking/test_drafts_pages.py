"""A photo's page: how far it is looked at, the one screen to check it on, and what becomes of it."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from products.nutrients import Nutrients
from tests.factories import (
    make_item,
    make_meal,
    make_own_food,
    make_product,
    make_profile,
    make_recipe,
    make_target,
    make_user,
)
from tests.pictures import barcode_image
from tests.tracking.test_analysis import CODE, analysed, stored, work_off
from tracking import photos
from tracking.dates import today_of
from tracking.drafts import feedback_now
from tracking.models import Draft, Example, MealItem, Photo, Undo
from tracking.recognition.base import Candidate, Recognition
from tracking.services import analyses
from tracking.services.diary import change, move
from tracking.services.drafts import keep
from tracking.totals import Totals
from workflows.models import Run
from workflows.states import RunState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR, settings.MODEL_PATH = tmp_path / "uploads", tmp_path / "model.onnx"
    return settings.UPLOAD_DIR


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def page_of(photo):
    return reverse("photo", args=[photo.uuid])


def draft_of(user, *candidates, **changes):
    """An open draft of 2 March 2026 at 12:40 with what vision might say."""
    photo = stored(user, **{"day": dt.date(2026, 3, 2), "time": dt.time(12, 40), **changes})
    return keep(photo, Recognition(candidates), asked_at=timezone.now(), now=timezone.now())


def seen(name, product=None, **changes):
    uuid = str(product.uuid) if product else ""
    return Candidate(name, **{"confidence": 0.8, "source": "vision", "product": uuid, "search": name, **changes})


def form_of(page, **changes):
    """What a browser would send: all that the screen's fields hold, with these changes. None: unticked."""
    sent = {"searched": "", "q": "", "for": ""}
    for line in [*page.context["lines"], *page.context["far_fetched"], *page.context["often"]]:
        for name in ("what", "quantity", "unit"):
            sent[f"{line.form.prefix}-{name}"] = line.form[name].value() or ""
        if line.ticked:
            sent[f"{line.form.prefix}-tick"] = "on"
    for name in ("meal", "day", "time"):
        value = page.context["place"][name].value()
        sent[name] = "" if value is None else str(value)
    sent |= changes
    return {name: value for name, value in sent.items() if value is not None}


def post(reader, draft, **changes):
    screen = reader.get(page_of(draft.photo))
    return reader.post(reverse("photo_draft", args=[draft.photo.uuid]), form_of(screen, **changes))


def prefix_of(draft, place=0):
    return f"item-{draft.items.all()[place].pk}"


def logged():
    return [(item.name, item.quantity, item.serving or item.basis) for item in MealItem.objects.order_by("position")]


# --- While it is looked at ----------------------------------------------------------------------------------------
def test_photo_that_is_looked_at_shows_its_steps_and_asks_again(reader, user):
    photo = stored(user)
    analyses.analyse(photo, now=timezone.now())

    page = reader.get(page_of(photo))
    part = reader.get(page_of(photo), headers={"HX-Request": "true"})

    assert page.context["kind"] == "looking"
    shown = page.content.decode()
    assert 'hx-trigger="every 2s"' in shown
    assert '<meta http-equiv="refresh" content="5">' in shown
    assert "Looking what is on it" in shown
    assert part.content.decode().lstrip().startswith('<section id="photo-state"')


def test_it_is_stopped_and_gone_on_with(reader, user):
    make_product(barcode=CODE)
    photo = stored(user, barcode_image(CODE))
    run = analyses.analyse(photo, now=timezone.now())
    work_off(run, until="inference")

    reader.post(reverse("photo_cancel", args=[photo.uuid]))
    stopped = reader.get(page_of(photo))
    reader.post(reverse("photo_analyse", args=[photo.uuid]))
    work_off(run)

    assert stopped.context["kind"] == "stopped"
    assert "It was stopped" in stopped.content.decode()
    assert reader.get(page_of(photo)).context["kind"] == "draft"


@pytest.mark.parametrize("together", [False, True], ids=["alone", "with another"])
def test_what_is_being_stopped_says_so_and_is_not_stopped_twice(reader, user, together):
    photo = stored(user)
    begun = analyses.analyse_batch(user, [photo, stored(user)], now=timezone.now()) if together else None
    page = reverse("photo_batch", args=[begun.uuid]) if begun else page_of(photo)
    run = begun or analyses.analyse(photo, now=timezone.now())
    before = reader.get(page).content.decode()

    Run.objects.filter(pk=run.pk).update(stopping="cancel")  # while a worker is at it
    after = reader.get(page).content.decode()

    assert ("Stop it" in before, "It is being stopped" in before) == (True, False)
    assert ("Stop it" in after, "It is being stopped" in after) == (False, True)


def test_failure_says_why_and_is_no_dead_end(reader, user):
    food = make_product()
    make_item(make_meal(user, day=today_of(user)), product=food)
    photo = stored(user)
    photos.path_of(photo.uuid, "large").unlink()
    analysed(photo)

    page = reader.get(page_of(photo))
    assert page.context["kind"] == "stopped"
    assert "The file of this photo is gone or damaged." in page.content.decode()

    reader.post(reverse("photo_by_hand", args=[photo.uuid]))
    screen = reader.get(page_of(photo))
    assert [line.name for line in screen.context["often"]] == ["Nut spread"]


def test_photo_that_nobody_looked_at_offers_both_ways(reader, user):
    page = reader.get(page_of(stored(user)))

    assert page.context["kind"] == "unseen"
    assert "Look what is on it" in page.content.decode()
    assert "Say it yourself" in page.content.decode()


# --- The screen ---------------------------------------------------------------------------------------------------
def test_screen_lists_what_was_seen_with_amounts_in_words_and_figures(reader, user):
    last, served, plain = (make_product(barcode="", source_id=str(n), name=f"Food {n}") for n in range(3))
    plain.servings = []
    plain.save()
    make_item(make_meal(user), product=last, quantity=Decimal(45), amount=Decimal(45))
    draft = draft_of(
        user, seen("A", last), seen("B", served, confidence=0.6), seen("C", plain, confidence=0.4),
        seen("D", last, grams=Decimal(120), confidence=0.55), seen("Unicorn steak"),
    )  # fmt: skip

    page = reader.get(page_of(draft.photo))

    told = [
        (line.name, line.ticked, line.form["quantity"].value(), line.form["unit"].value())
        for line in page.context["lines"]
    ]
    assert told == [
        ("Food 0", True, "45", "g"),
        ("Food 1", True, "1", "1 spoon (15 g)"),
        ("Food 2", False, "100", "g"),
        ("Food 0", True, "120", "g"),
        ("Unicorn steak", False, None, None),
    ]
    assert [line.confidence.partition(",")[0] for line in page.context["lines"][:3]] == [
        "very likely",
        "likely",
        "perhaps",
    ]
    assert page.context["lines"][3].energy_kcal == Decimal("646.8")
    assert "Find this food" in page.content.decode()


def test_where_nothing_is_likely_the_search_comes_first_and_the_far_fetched_last(reader, user):
    guess, wild = make_product(name="Rice"), make_product(barcode="", name="Cake")
    draft = draft_of(user, seen("A", guess, confidence=0.3), seen("B", wild, confidence=0.1))

    page = reader.get(page_of(draft.photo))

    content = page.content.decode()
    shown = ("What was it?", 'id="draft-q"', "Rice", "Less likely", "Cake")
    assert sorted(shown, key=content.index) == list(shown)
    assert [line.name for line in page.context["far_fetched"]] == ["Cake"]


def test_search_for_something_else_says_instead_of_what_and_can_be_left(reader, user):
    draft = draft_of(user, seen("Nut spread", make_product(name="Nut spread")))

    asked = post(reader, draft, **{"else": prefix_of(draft)})
    left = post(reader, draft, **{"else": ""})

    assert "What was it instead of “Nut spread”?" in asked.content.decode()
    assert "Leave it as it is" in asked.content.decode()
    assert "instead of" not in left.content.decode()
    assert "Add another food" in left.content.decode()


def test_draft_of_drink_takes_its_grams_as_millilitres(reader, user):
    milk = make_product(basis="ml", servings=[], name="Milk")
    draft = draft_of(user, seen("Milk", milk, grams=Decimal(250)))

    (line,) = reader.get(page_of(draft.photo)).context["lines"]

    assert (line.form["quantity"].value(), line.form["unit"].value()) == ("250", "ml")


def test_logging_writes_what_is_ticked_teaches_it_and_leads_to_the_day_with_undo(reader, user):
    food, other, recipe = make_product(), make_product(barcode="", name="Rice"), make_recipe(user, ingredients=[{}])
    draft = draft_of(
        user, seen("A", food), seen("Rice", other, grams=Decimal(200)), seen("P", recipe=recipe.pk, confidence=0.3)
    )

    response = post(
        reader, draft, **{f"{prefix_of(draft)}-tick": None, f"{prefix_of(draft, 1)}-quantity": "150",
                          f"{prefix_of(draft, 2)}-tick": "on"},
    )  # fmt: skip

    assert response["Location"] == "/day/2026-03-02/"
    assert logged() == [("Rice", 150, "g"), ("Pancakes", 1, "serving")]
    item = MealItem.objects.get(name="Rice")
    assert (item.meal.name, item.time) == ("lunch", dt.time(12, 40))
    assert set(Example.objects.get().foods.values_list("name", "grams")) == {("Rice", Decimal(150)), ("Pancakes", None)}
    day = reader.get(response["Location"])
    assert "2 foods are in your diary." in day.content.decode()
    assert "/undo/" in day.content.decode()
    assert reader.get(page_of(draft.photo)).context["kind"] == "said"


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"quantity": "lots"}, "quantity", "Enter an amount between 0.01 and 99,999."),
        ({"quantity": ""}, "quantity", "Enter an amount between 0.01 and 99,999."),
        ({"quantity": "99999", "unit": "kg"}, "quantity", "Enter an amount between 0.01 and 99,999."),
        ({"unit": "buckets"}, "unit", "This food cannot be counted in “buckets”."),
        ({"what": "product:x"}, "tick", "This food is not here any more."),
        ({"what": ""}, "tick", "Find the food that this is, or untick it."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_everything_typed_stays(reader, user, change, field, sentence):
    draft = draft_of(user, seen("A", make_product()), seen("B", make_product(barcode="", name="Rice")))
    prefix = prefix_of(draft)

    response = post(reader, draft, **{f"{prefix}-{name}": value for name, value in change.items()}, time="09:15")

    assert response.status_code == 422
    first, second = response.context["lines"]
    assert first.form.errors[field][0].startswith(sentence)
    assert not second.form.errors
    for name, value in change.items():
        assert first.form[name].value() == value
    assert response.context["place"]["time"].value() == "09:15"
    assert not MealItem.objects.exists()


def test_half_typed_amount_of_what_is_not_ticked_does_not_matter(reader, user):
    draft = draft_of(user, seen("A", make_product()), seen("B", make_product(barcode="", name="Rice")))

    post(reader, draft, **{f"{prefix_of(draft)}-tick": None, f"{prefix_of(draft)}-quantity": "lots"})

    assert [name for name, *_rest in logged()] == ["Rice"]


@pytest.mark.parametrize(
    ("changes", "field"), [({"day": "soon"}, "day"), ({"time": "25:00"}, "time"), ({"meal": ""}, "meal")]
)
def test_bad_day_time_or_meal_is_refused_with_everything_kept(reader, user, changes, field):
    draft = draft_of(user, seen("A", make_product()))

    response = post(reader, draft, **changes)

    assert response.status_code == 422
    assert list(response.context["place"].errors) == [field]
    assert response.context["lines"][0].ticked


def test_nothing_ticked_is_a_sentence(reader, user):
    draft = draft_of(user, seen("A", make_product()))

    response = post(reader, draft, **{f"{prefix_of(draft)}-tick": None})

    assert response.status_code == 422
    assert "Tick or add what you ate." in response.content.decode()


# --- Something else -----------------------------------------------------------------------------------------------
def test_search_keeps_what_was_typed_and_what_is_found_takes_the_lines_place(reader, user):
    wrong, right = make_product(name="Strawberries"), make_product(barcode="", name="Blueberries")
    draft = draft_of(user, seen("Strawberries", wrong, grams=Decimal(60)))
    prefix = prefix_of(draft)

    asked = post(reader, draft, **{"else": prefix, f"{prefix}-quantity": "70"})
    found = post(reader, draft, **{"find": "1", "for": prefix, "q": "blueb", f"{prefix}-quantity": "70"})
    chosen = post(reader, draft, **{"choose": f"product:{right.uuid}", "for": prefix, "time": "08:00"})

    assert (asked.context["q"], asked.context["for"]) == ("Strawberries", prefix)
    assert asked.context["lines"][0].form["quantity"].value() == "70"
    assert [hit.name for hit in found.context["hits"]] == ["Blueberries"]
    (line,) = chosen.context["lines"]
    assert (line.name, line.seen_as, line.ticked, line.form["quantity"].value()) == (
        "Blueberries", "Strawberries", True, "60",
    )  # fmt: skip
    assert chosen.context["place"]["time"].value() == "08:00"
    reader.post(reverse("photo_draft", args=[draft.photo.uuid]), form_of(chosen))
    assert logged() == [("Blueberries", 60, "g")]


def test_food_is_added_beside_those_that_were_seen(reader, user):
    food, recipe = make_product(), make_recipe(user, name="Soup", ingredients=[{}])
    draft = draft_of(user, seen("A", food))

    once = post(reader, draft, choose=f"recipe:{recipe.pk}")
    twice = reader.post(reverse("photo_draft", args=[draft.photo.uuid]), form_of(once, choose=f"product:{food.uuid}"))

    assert [line.name for line in twice.context["lines"]] == ["Nut spread", "Soup", "Nut spread"]
    reader.post(reverse("photo_draft", args=[draft.photo.uuid]), form_of(twice))
    assert len(logged()) == 3


def test_search_without_words_shows_what_is_often_eaten_and_with_strange_ones_nothing(reader, user):
    make_item(make_meal(user, day=today_of(user)), product=make_product())
    draft = draft_of(user, seen("A", make_product(barcode="", name="Rice")))

    assert [hit.name for hit in post(reader, draft, find="1").context["hits"]] == ["Nut spread"]
    for text in ("\0", "%%%", "x" * 5000, "zzzz"):
        assert post(reader, draft, find="1", q=text).status_code == 200


def test_enter_in_the_box_searches_and_does_not_log(reader, user):
    draft = draft_of(user, seen("A", make_product()))

    response = post(reader, draft, q="nut", searched="")

    assert [hit.name for hit in response.context["hits"]] == ["Nut spread"]
    assert not MealItem.objects.exists()


def test_food_and_recipe_of_somebody_else_cannot_be_taken(reader, user):
    draft = draft_of(user, seen("A", make_product()))
    other = make_user()

    for what in (
        f"product:{make_own_food(other).uuid}",
        f"recipe:{make_recipe(other).pk}",
        "x",
        "product:",
        "recipe:-1",
    ):
        assert [line.name for line in post(reader, draft, choose=what).context["lines"]] == ["Nut spread"]
        response = post(reader, draft, **{f"{prefix_of(draft)}-what": what})
        assert response.status_code == 422
    assert not MealItem.objects.exists()


def test_energy_follows_what_is_typed(reader, user):
    draft = draft_of(user, seen("A", make_product()), seen("B", make_product(barcode="", name="Rice")))
    prefix = prefix_of(draft)
    screen = reader.get(page_of(draft.photo))
    way = reverse("photo_draft", args=[draft.photo.uuid])
    sent = form_of(screen, **{f"{prefix}-quantity": "100", f"{prefix}-unit": "g", f"{prefix_of(draft, 1)}-tick": None})

    shown = reader.post(f"{way}?weigh=1", sent, headers={"HX-Request": "true"})

    assert shown.context["energies"][0] == (prefix, Decimal(539))
    assert shown.context["energies"][-1] == ("sum", Decimal(539))


# --- What becomes of it -------------------------------------------------------------------------------------------
def test_logging_nothing_keeps_the_photo(reader, user):
    draft = draft_of(user, seen("A", make_product()))

    post(reader, draft, discard="1")

    assert Draft.objects.get().state == Draft.State.DISCARDED
    assert Photo.objects.count() == 1
    assert not MealItem.objects.exists()


def test_second_confirmation_logs_nothing_more(reader, user):
    draft = draft_of(user, seen("A", make_product()))
    sent = form_of(reader.get(page_of(draft.photo)))
    way = reverse("photo_draft", args=[draft.photo.uuid])

    first, second = reader.post(way, sent), reader.post(way, sent)

    assert (first["Location"], second["Location"]) == ("/day/2026-03-02/", page_of(draft.photo))
    assert MealItem.objects.count() == 1


def test_form_of_an_earlier_look_logs_nothing(reader, user):
    draft = draft_of(user, seen("A", make_product()))
    sent = form_of(reader.get(page_of(draft.photo)))
    keep(draft.photo, Recognition(()), asked_at=timezone.now(), now=timezone.now())

    response = reader.post(reverse("photo_draft", args=[draft.photo.uuid]), sent, follow=True)

    assert "looked at or decided about meanwhile" in response.content.decode()
    assert not MealItem.objects.exists()


def test_food_that_was_deleted_meanwhile_stays_a_name(reader, user):
    food = make_own_food(user)
    draft = draft_of(user, seen("Soup", food))
    food.delete()

    (line,) = reader.get(page_of(draft.photo)).context["lines"]

    assert (line.name, line.eaten, line.ticked) == ("Soup", None, False)


def test_confirmation_that_is_taken_back_can_be_made_again_and_taught_nothing(reader, user):
    draft = draft_of(user, seen("A", make_product()))
    post(reader, draft)

    reader.post(reverse("undo", args=[Undo.objects.get().pk]))

    assert (Draft.objects.get().state, Draft.objects.get().decided_at) == (Draft.State.OPEN, None)
    assert (MealItem.objects.count(), Example.objects.count()) == (0, 0)
    assert Photo.objects.get().state == Photo.State.NEW
    assert [each.photo for each in reader.get("/day/2026-03-02/").context["drafts"]] == [draft.photo]
    post(reader, draft)
    assert (MealItem.objects.count(), Example.objects.count()) == (1, 1)


def test_confirmation_that_is_taken_back_in_part_stays_decided(reader, user):
    draft = draft_of(user, seen("A", make_product()), seen("B", make_product(barcode="", name="Rice")))
    post(reader, draft)
    (confirmed,) = Undo.objects.all()
    change(MealItem.objects.get(name="Rice"), {"quantity": Decimal(99)})

    reader.post(reverse("undo", args=[confirmed.pk]))

    assert [name for name, *_rest in logged()] == ["Rice"]
    assert Draft.objects.get().state == Draft.State.CONFIRMED
    assert Example.objects.count() == 1


def test_photo_that_is_looked_at_again_says_that_it_was_logged(reader, user):
    draft = draft_of(user, seen("A", make_product()))
    post(reader, draft)
    keep(draft.photo, Recognition(()), asked_at=timezone.now(), now=timezone.now())

    assert "You logged this photo before." in reader.get(page_of(draft.photo)).content.decode()


def test_page_of_a_photo_that_was_deleted_says_so_where_its_run_is_remembered(reader, user):
    photo = stored(user)
    run = analyses.analyse(photo, now=timezone.now())

    reader.post(reverse("photo_delete", args=[photo.uuid]))

    assert Run.objects.get(pk=run.pk).state == RunState.CANCELLED
    assert "This photo was deleted." in reader.get(page_of(photo), follow=True).content.decode()
    assert reader.get(page_of(photo), headers={"HX-Request": "true"}).status_code == 404


def test_more_foods_than_a_page_has_lines_for_are_no_error(reader, user):
    draft = draft_of(user)
    sent = form_of(reader.get(page_of(draft.photo))) | {f"added-{number}-what": "x" for number in range(60)}

    response = reader.post(
        reverse("photo_draft", args=[draft.photo.uuid]), sent | {"choose": f"product:{make_product().uuid}"}
    )

    assert response.status_code == 200
    assert len(response.context["lines"]) == 60


# --- On its day ---------------------------------------------------------------------------------------------------
def test_open_draft_is_shown_on_its_day_and_not_summed(reader, user):
    draft = draft_of(user, seen("A", make_product(name="Porridge")))

    day = reader.get("/day/2026-03-02/")

    shown = day.content.decode()
    assert "From your photo, 12:40" in shown
    assert "A? Not counted before you check it." in shown
    assert page_of(draft.photo) in shown
    assert day.context["day"].totals.get("energy_kcal") == 0
    assert reader.get("/day/2026-03-03/").context["drafts"] == []
    post(reader, draft)
    assert reader.get("/day/2026-03-02/").context["drafts"] == []


def test_feedback_is_worded_with_its_figures_and_leads_to_them(reader, user):
    make_product(barcode=CODE)
    make_target(user, starts_on=today_of(user))
    photo = stored(user, barcode_image(CODE))
    analysed(photo)

    shown = reader.get(page_of(photo)).content.decode()

    assert "This meal has about 81\xa0kcal." in shown
    assert (
        f'<a href="/day/{today_of(user)}/nutrients/">Energy: 81\xa0kcal of 2,000\xa0kcal with it; 1,919\xa0kcal left'
        in shown
    )


def test_feedback_counts_what_was_logged_since_from_another_photo(reader, user):
    make_product(barcode=CODE)
    make_target(user, starts_on=today_of(user))
    one, other = stored(user, barcode_image(CODE)), stored(user, barcode_image(CODE))
    work_off(analyses.analyse_batch(user, [one, other], now=timezone.now()))
    before = reader.get(page_of(other)).content.decode()

    post(reader, Draft.objects.get(photo=one))

    assert "Energy: 81\xa0kcal of 2,000\xa0kcal with it" in before
    assert "Energy: 162\xa0kcal of 2,000\xa0kcal with it" in reader.get(page_of(other)).content.decode()
    assert (
        "Energy: 162\xa0kcal of" in reader.get(f"/api/v1/photos/{other.uuid}/draft").json()["feedback"][1]["sentence"]
    )


def test_children_are_not_compared_with_what_adults_need(user):
    draft = draft_of(user, seen("A", make_product()))
    draft.feedback = [{"code": "no_target", "figures": {}, "link": "/"}]
    eaten = Totals(Nutrients({"salt_g": Decimal(7)}))

    assert "reference_over" in [each.code for each in feedback_now(draft, eaten)]
    make_profile(user, birth_date=dt.date(2020, 1, 1))
    assert "reference_over" not in [each.code for each in feedback_now(draft, eaten)]


def test_draft_follows_the_meal_that_it_was_asked_for(reader, user):
    meal = make_item(make_meal(user, day=dt.date(2026, 3, 2))).meal
    photo = stored(user, day=dt.date(2026, 3, 2))
    keep(photo, Recognition(()), meal=meal, asked_at=timezone.now(), now=timezone.now())

    move(meal, day=dt.date(2026, 3, 5), name="lunch")

    assert [each.photo for each in reader.get("/day/2026-03-05/").context["drafts"]] == [photo]
    assert reader.get("/day/2026-03-02/").context["drafts"] == []


# --- Several ------------------------------------------------------------------------------------------------------
def test_batch_shows_each_photo_with_its_result_and_tries_again_what_failed(reader, user):
    make_product(barcode=CODE)
    known, gone = stored(user, barcode_image(CODE)), stored(user)
    file = photos.path_of(gone.uuid, "large")
    kept = file.read_bytes()
    file.unlink()
    run = analyses.analyse_batch(user, [known, gone], now=timezone.now())
    address = reverse("photo_batch", args=[run.uuid])
    assert 'hx-trigger="every 2s"' in reader.get(address).content.decode()
    work_off(run)

    page = reader.get(address)
    told = [(child.likely, child.stage.said) for child in page.context["children"]]
    assert told == [(["Nut spread"], ""), ([], "The file of this photo is gone or damaged.")]
    assert "2 photos were looked at: 1 recognised, 1 that failed. 1 waits to be checked." in " ".join(
        page.content.decode().split()
    )

    file.write_bytes(kept)
    reader.post(reverse("photo_batch_retry", args=[run.uuid]))
    work_off(run)
    assert reader.get(address).context["counts"] == {"photos": 2, "recognised": 1, "unknown": 1, "failed": 0}
    assert reader.get(page_of(gone)).context["kind"] == "draft"


def test_batch_is_stopped(reader, user):
    run = analyses.analyse_batch(user, [stored(user)], now=timezone.now())

    reader.post(reverse("photo_batch_cancel", args=[run.uuid]))

    assert "It was stopped." in reader.get(reverse("photo_batch", args=[run.uuid])).content.decode()


def test_run_of_a_photo_leads_to_it(reader, user):
    photo = stored(user)
    run = analysed(photo)

    assert page_of(photo) in reader.get(run.get_absolute_url()).content.decode()
    assert "Looking at a photo" in reader.get("/runs/").content.decode()


def test_operators_see_how_a_look_went_and_not_what_was_eaten(admin_client, user):
    make_product(barcode=CODE, name="Marzipan")
    run = analysed(stored(user, barcode_image(CODE)))
    assert "Marzipan" in str(list(run.steps.values_list("output", flat=True)))

    shown = admin_client.get(reverse("admin:workflows_run_change", args=[run.pk])).content.decode()

    assert "the person's own, and is not shown here" in shown
    assert "Marzipan" not in shown
    assert "<summary>" not in shown


# --- Cost ---------------------------------------------------------------------------------------------------------
def test_ten_times_the_lines_cost_no_more_queries(reader, user):
    counts = []
    for number in (1, 10):
        foods = [make_product(barcode="", source_id=f"{number}-{n}", name=f"F {number} {n}") for n in range(number)]
        recipe = make_recipe(user, name=f"R {number}", ingredients=[{}])
        candidates = [*(seen(food.name, food) for food in foods), seen("R", recipe=recipe.pk)]
        draft = draft_of(user, *candidates)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(page_of(draft.photo)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
