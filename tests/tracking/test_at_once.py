"""Two tabs, two devices, two requests at the same moment: nothing is lost, nothing is written twice."""

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from dietintel.accounts import idempotency
from dietintel.accounts.models import GivenAnswer
from tests.factories import make_item, make_meal, make_profile, make_recipe, make_token, make_user
from tracking.errors import Conflict
from tracking.models import Meal, MealItem, Measurement, MeasurementKind, Profile, Undo, WeightEntry
from tracking.services import body, diary, recipes

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
SEVEN = dt.time(7)


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


# --- A form that was open while another tab changed the row -----------------------------------------------------
class Form(HTMLParser):
    """What a browser sends of a page where nothing else is typed."""

    def __init__(self, response):
        super().__init__()
        self.sent, self._select, self._text = {}, "", ""
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "input" and said.get("name") and (said.get("type") not in {"radio", "checkbox"} or "checked" in said):
            self.sent[said["name"]] = said.get("value", "")
        elif tag == "select":
            self._select = said.get("name", "")
        elif tag == "option" and "selected" in said:
            self.sent[self._select] = said["value"]
        elif tag == "textarea":
            self.sent[said["name"]] = ""


def sent_by(reader, address, *, of="", **typed):
    form = Form(reader.get(address)).sent
    return {**form, **{f"{of}{name}": value for name, value in typed.items()}}


@pytest.mark.django_db
def test_an_item_keeps_the_amount_of_one_tab_and_the_time_of_the_other(reader, user):
    item = make_item(make_meal(user))
    sent = sent_by(reader, f"/items/{item.pk}/", of=f"item-{item.pk}-", time="08:15")
    diary.change(item, {"quantity": Decimal(50), "meal": "lunch"})

    reader.post(f"/items/{item.pk}/", sent)

    item = MealItem.objects.get()
    assert (item.amount, item.meal.name, item.time) == (50, "lunch", dt.time(8, 15))


@pytest.mark.django_db
def test_what_a_refused_form_showed_at_first_still_counts(reader, user):
    item = make_item(make_meal(user))
    sent = sent_by(reader, f"/items/{item.pk}/", of=f"item-{item.pk}-", time="late")
    diary.change(item, {"quantity": Decimal(50)})

    refused = reader.post(f"/items/{item.pk}/", sent)
    reader.post(f"/items/{item.pk}/", Form(refused).sent | {f"item-{item.pk}-time": "08:15"})

    assert list(MealItem.objects.values_list("amount", "time")) == [(Decimal(50), dt.time(8, 15))]


@pytest.mark.django_db
def test_a_weight_and_a_value_keep_what_the_other_tab_changed(reader, user):
    weight = body.weigh(user, weight_kg=Decimal(72), day=MONDAY, time=SEVEN)
    value = body.measure(body.add_kind(user, name="waist", unit="cm"), value=Decimal(81), day=MONDAY, time=SEVEN)
    note = sent_by(reader, f"/weight/{weight.pk}/", note="after a run")
    later = sent_by(reader, f"/measurements/values/{value.pk}/", time="08:00")
    body.change_weight(weight, {"weight_kg": Decimal(71)})
    body.change_measurement(value, {"value": Decimal(80)})

    reader.post(f"/weight/{weight.pk}/", note)
    reader.post(f"/measurements/values/{value.pk}/", later)

    assert list(WeightEntry.objects.values_list("weight_kg", "note")) == [(Decimal(71), "after a run")]
    assert list(Measurement.objects.values_list("value", "time")) == [(Decimal(80), dt.time(8))]


@pytest.mark.django_db
def test_a_profile_keeps_what_the_other_tab_said(reader, user):
    make_profile(user)
    sent = sent_by(reader, "/profile/", height_cm="170")
    Profile.objects.update(pregnant_or_breastfeeding=True, activity="light")

    reader.post("/profile/", sent)

    profile = Profile.objects.get()
    assert (profile.height_cm, profile.pregnant_or_breastfeeding, profile.activity) == (Decimal(170), True, "light")


@pytest.mark.django_db
def test_ingredients_keep_the_amounts_of_the_other_tab(reader, user):
    recipe = make_recipe(user, ingredients=[{"name": "a"}, {"name": "b"}])
    first, second = recipe.ingredients.all()
    sent = sent_by(reader, f"/recipes/{recipe.pk}/change/", of=f"ingredient-{second.pk}-", quantity="70")
    recipes.change_ingredient(first, {"quantity": Decimal(250)})

    reader.post(f"/recipes/{recipe.pk}/change/", sent | {"save": "1"})

    assert list(recipe.ingredients.values_list("name", "amount")) == [("a", 250), ("b", 70)]


@pytest.mark.django_db
def test_what_was_deleted_meanwhile_is_not_made_again_by_changing_it(user):
    weight = body.weigh(user, weight_kg=Decimal(72), day=MONDAY, time=SEVEN)
    kind = body.add_kind(user, name="waist", unit="cm")
    WeightEntry.objects.all().delete()
    MeasurementKind.objects.all().delete()

    with pytest.raises(Conflict):
        body.change_weight(weight, {"note": "x"})
    with pytest.raises(Conflict):
        body.change_kind(kind, {"unit": "in"})

    assert not WeightEntry.objects.exists()
    assert not MeasurementKind.objects.exists()


# --- Undoing when the diary went on -----------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_old_action_is_not_undone_over_a_newer_change_until_that_is_undone(user):
    item = make_item(make_meal(user))
    first, second = (diary.change(item, {"quantity": Decimal(grams)}) for grams in (40, 50))
    assert first.undo
    assert second.undo

    with pytest.raises(Conflict):
        diary.undo(user, first.undo.pk, now=timezone.now())

    assert MealItem.objects.get().amount == 50
    for undo in (second.undo, first.undo):
        diary.undo(user, undo.pk, now=timezone.now())
    assert MealItem.objects.get().amount == 30


@pytest.mark.django_db
def test_undoing_takes_back_what_nobody_changed_since_and_leaves_the_rest(user):
    quick = [diary.quick_add(name, {"energy_kcal": Decimal(90)}) for name in ("a", "b", "c")]
    logged = diary.log(user, MONDAY, "lunch", quick)
    changed, deleted, _left = logged.items
    diary.change(changed, {"meal": "dinner"})
    diary.delete([deleted])
    assert logged.undo

    days = diary.undo(user, logged.undo.pk, now=timezone.now())

    assert days == [MONDAY]
    assert list(MealItem.objects.values_list("name", "meal__name")) == [("a", "dinner")]


@pytest.mark.django_db
def test_a_page_says_why_an_action_is_not_undone(reader, user):
    item = make_item(make_meal(user))
    first = diary.change(item, {"quantity": Decimal(40)})
    diary.change(item, {"quantity": Decimal(50)})
    assert first.undo

    response = reader.post(f"/undo/{first.undo.pk}/", follow=True)

    assert "It was changed since. Take that back first." in response.content.decode()
    assert MealItem.objects.get().amount == 50


@pytest.mark.django_db
def test_a_restored_meal_takes_as_many_queries_for_fifty_items_as_for_five(user, django_assert_max_num_queries):
    meal = make_meal(user)
    items = [make_item(meal) for _number in range(50)]
    done = diary.delete_meal(meal)
    assert done.undo

    with django_assert_max_num_queries(20):
        diary.undo(user, done.undo.pk, now=timezone.now())

    assert list(MealItem.objects.values_list("pk", "position")) == [(item.pk, 0) for item in items]


@pytest.mark.django_db
def test_what_can_no_longer_be_undone_is_forgotten(user):
    diary.delete([make_item(make_meal(user), name="secret")])
    Undo.objects.update(made_at=timezone.now() - diary.UNDO_FOR)

    diary.log(user, MONDAY, "lunch", [diary.quick_add("", {"energy_kcal": Decimal(90)})])

    assert "secret" not in json.dumps(list(Undo.objects.values_list("items", flat=True)))


@pytest.mark.django_db
def test_a_change_to_what_it_is_already_leaves_nothing_to_undo(user):
    item = make_item(make_meal(user), quantity=Decimal("33.3333"), time=SEVEN)

    done = diary.change(item, {"quantity": Decimal("33.3333"), "time": SEVEN, "meal": "Breakfast"})

    assert (done.undo, Undo.objects.count()) == (None, 0)


# --- At the same moment -----------------------------------------------------------------------------------------
def at_once(*actions):
    """What went wrong, each action in a thread of its own."""
    together = threading.Barrier(len(actions))

    def run(action):
        together.wait(timeout=30)
        try:
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as threads:
        done = [threads.submit(run, action) for action in actions]
    return [each.exception() for each in done if each.exception()]


@pytest.mark.django_db(transaction=True)
def test_the_same_request_three_times_at_once_is_done_once_and_answered_alike(user):
    secret, said = make_token(user), []
    meal = {"date": "2026-03-02", "name": "lunch", "items": [{"name": "Soup", "energy_kcal": 90}]}

    def send():
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k1"}
        response = Client(headers=headers).post("/api/v1/meals", meal, content_type="application/json")
        said.append((response.status_code, response.json()))

    wrong = at_once(send, send, send)

    assert wrong == []
    assert said[0] == said[1] == said[2]
    assert MealItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_logging_into_a_meal_while_it_is_deleted_loses_nothing_for_good(user):
    for number in range(8):
        meal = make_item(make_meal(user, day=MONDAY + dt.timedelta(days=number))).meal
        soup = [diary.quick_add("Soup", {"energy_kcal": Decimal(90)})]

        wrong = at_once(
            lambda meal=meal: diary.delete_meal(meal),
            lambda meal=meal, soup=soup: diary.log(user, meal.day, meal.name, soup),
        )

        assert wrong == []
    for undo_id in Undo.objects.order_by("-pk").values_list("pk", flat=True):
        if any(each["before"] for each in Undo.objects.get(pk=undo_id).items):
            diary.undo(user, undo_id, now=timezone.now())
    assert sorted(MealItem.objects.values_list("name", flat=True)) == ["Nut spread"] * 8 + ["Soup"] * 8


@pytest.mark.django_db(transaction=True)
def test_of_two_meals_renamed_at_once_to_one_name_one_is_refused(user):
    meals = [make_item(make_meal(user, name=name)).meal for name in ("a", "b")]

    wrong = at_once(*(lambda meal=meal: diary.move(meal, day=TUESDAY, name="Brunch") for meal in meals))

    assert [type(error) for error in wrong] == [Conflict]
    assert Meal.objects.filter(day=TUESDAY, name="Brunch").count() == 1


# --- Keys of repeated requests ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_clash_inside_of_a_write_is_not_taken_for_a_repeated_key(rf, user):
    request = rf.post("/api/v1/meals", headers={"Idempotency-Key": "k1"})
    request.user, request.data = user, {}
    make_meal(user)

    with pytest.raises(IntegrityError):
        idempotency.answer_once(request, lambda: make_meal(user), status=201)

    assert not GivenAnswer.objects.exists()


@pytest.mark.django_db
def test_answers_are_forgotten_after_a_week(user):
    api = Client(headers={"Authorization": f"Bearer {make_token(user)}"})
    for key in ("k1", "k2"):
        api.post("/api/v1/meals", {"name": "lunch"}, content_type="application/json", headers={"Idempotency-Key": key})
        GivenAnswer.objects.filter(key="k1").update(at=timezone.now() - GivenAnswer.KEPT_FOR - dt.timedelta(minutes=1))

    assert list(GivenAnswer.objects.values_list("key", flat=True)) == ["k2"]
