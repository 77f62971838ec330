"""A whole account out of the server and into it again: the same bytes, or a sentence and nothing written."""

import csv
import datetime as dt
import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dietintel.accounts.models import User
from products import services as food_services
from products.models import Correction, Product
from products.nutrients import MAIN_KEYS, Nutrients
from tests.factories import (
    make_ingredient,
    make_item,
    make_meal,
    make_own_food,
    make_product,
    make_recipe,
    make_user,
)
from tracking.errors import Conflict
from tracking.models import (
    Awaited,
    Example,
    Favourite,
    Ingredient,
    Insight,
    Meal,
    MealItem,
    Measurement,
    MeasurementKind,
    Photo,
    Profile,
    Recipe,
    Recogniser,
    Target,
    TargetDay,
    Undo,
    WeightEntry,
)
from tracking.services import diary
from tracking.services.awaited import attach
from tracking.services.favourites import set_favourite
from tracking.services.transfer import import_account
from tracking.transfer import document as doc
from tracking.transfer.archive import document_in
from tracking.transfer.export import write_archive
from tracking.transfer.reading import read_account
from tracking.transfer.shapes import Broken

pytestmark = pytest.mark.django_db
MONDAY = dt.date(2026, 3, 2)
NOON = dt.datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=dt.UTC)


def exported(user):
    file = io.BytesIO()
    write_archive(user, file)
    return file.getvalue()


def imported(data, user=None):
    user = user or make_user()
    import_account(user, read_account(document_in(io.BytesIO(data))))
    user.refresh_from_db()
    return user


def document_of(data):
    return json.loads(zipfile.ZipFile(io.BytesIO(data)).read(doc.DOCUMENT))


def table(data, name):
    text = zipfile.ZipFile(io.BytesIO(data)).read(f"{name}.csv").decode()
    return list(csv.DictReader(io.StringIO(text)))


def archive_of(document, **files):
    """A ZIP that somebody made by hand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        text = document if isinstance(document, (str, bytes)) else json.dumps(document)
        archive.writestr(doc.DOCUMENT, text)
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def make_account():
    """Something of every kind, with what is awkward about each."""
    user = make_user(time_zone="Asia/Tokyo", theme="dark")
    own = make_own_food(user, barcode="4006381333931", names={"de": "Omas Suppe"}, fetched_at=NOON)
    spread = make_product(source_id="changes with the provider")
    starter = make_product(source="starter", source_id="ndb:01001", barcode="", name="Butter")
    dough = make_recipe(user, name="Dough", note='Knead;\n"rest", bake.')
    cake = make_recipe(user, name="Cake", cooked_weight_g=Decimal("812.5"))
    make_ingredient(dough, product=own, name=own.name)
    make_ingredient(cake, part=dough, basis="serving", quantity=Decimal(1), amount=Decimal(1), position=0)
    make_ingredient(cake, product=starter, position=1)
    breakfast = make_meal(user, name="breakfast")
    make_meal(user, name="Second breakfast")
    make_item(breakfast, product=spread, position=3, time=dt.time(7, 30), serving="1 spoon (15 g)", quantity=Decimal(2))
    make_item(breakfast, recipe=cake, basis="serving", at_least=["salt_g"], position=7)
    make_item(breakfast, product=own, name="=cmd|' /C calc'!A0")
    make_item(make_meal(user, day=dt.date(2025, 12, 31)), figures=Nutrients({"energy_kcal": Decimal("0.0001")}))
    set_favourite(user, product=spread, on=True)
    set_favourite(user, recipe=cake, on=True)
    food_services.correct(spread, user, {"per_100": {"salt_g": Decimal("0.30"), "fat_g": None}, "name": "Nutty"})
    WeightEntry.objects.create(
        user=user, day=MONDAY, time=dt.time(6, 45), weight_kg=Decimal("81.375"), note="after run"
    )
    waist = MeasurementKind.objects.create(user=user, name="Waist", unit="cm")
    Measurement.objects.create(kind=waist, day=MONDAY, time=dt.time(6), value=Decimal("88.5"))
    Profile.objects.create(user=user, sex="female", birth_date=dt.date(1990, 5, 17), height_cm=Decimal("170.5"))
    target = Target.objects.create(user=user, starts_on=MONDAY, goal="lose", rate_kg_per_week=Decimal("0.5"))
    TargetDay.objects.create(
        target=target, weekday=0, energy_kcal=Decimal("1900.5"), protein=Decimal("1.6"), protein_unit="g_per_kg"
    )
    return user


# --- There and back -----------------------------------------------------------------------------------------------
def test_account_comes_back_byte_for_byte():
    data = exported(make_account())

    again = imported(data)

    assert exported(again) == data
    assert (again.time_zone, again.theme) == ("Asia/Tokyo", "dark")


def test_what_comes_back_is_the_same_and_not_only_its_export():
    user = make_account()

    again = imported(exported(user))

    in_order = MealItem.objects.order_by("meal__day", "meal", "position")
    assert [item.totals for item in in_order.owned_by(again)] == [item.totals for item in in_order.owned_by(user)]
    assert Ingredient.objects.get(recipe__user=again, part__user=again).name == "Nut spread"
    assert MealItem.objects.get(meal__user=again, name="Nut spread", product__isnull=False).product == (
        Product.objects.get(source="openfoodfacts")
    )
    assert Product.objects.owned_by(again).get().name == "Granny's soup"


def test_server_without_the_foods_gives_the_same_bytes_and_its_catalogue_stays_empty():
    data = exported(make_account())
    Product.objects.filter(owner=None).delete()

    again = imported(data)

    assert exported(again) == data
    assert Product.objects.filter(owner=None).count() == 0
    assert MealItem.objects.get(meal__user=again, time=dt.time(7, 30)).origin == "openfoodfacts/barcode/3017624010701"
    assert Awaited.objects.get(user=again).changes == {"name": "Nutty", "per_100": {"salt_g": "0.30", "fat_g": None}}


def test_foods_that_come_to_be_known_are_attached_and_what_was_eaten_keeps_its_figures():
    data = exported(make_account())
    Product.objects.filter(owner=None).delete()
    again = imported(data)
    eaten = {item.pk: item.totals for item in MealItem.objects.owned_by(again)}

    nothing_yet = attach()
    food = make_product(barcode="3017624010701", per_100={"energy_kcal": Decimal(1)})
    attached = attach()

    assert (nothing_yet, attached > 0, attach()) == (0, True, 0)
    assert MealItem.objects.get(meal__user=again, time=dt.time(7, 30)).product == food
    assert {item.pk: item.totals for item in MealItem.objects.owned_by(again)} == eaten
    correction = Correction.objects.get(user=again)
    assert (correction.product, correction.changes["name"]) == (food, "Nutty")
    assert not Awaited.objects.filter(user=again, origin="openfoodfacts/barcode/3017624010701").exists()
    assert exported(again) == data


def test_correction_made_here_meanwhile_is_newer_than_the_awaited_one():
    again = imported(exported(make_account()))
    food = Correction.objects.get(user=again).product
    Awaited.objects.create(
        user=again, origin="openfoodfacts/barcode/3017624010701", changes={"name": "Old"}, corrected_at=timezone.now()
    )

    attach()

    assert Correction.objects.get(user=again, product=food).changes["name"] == "Nutty"
    assert not Awaited.objects.filter(user=again).exists()


def test_empty_account_comes_back_too():
    data = exported(make_user())

    assert exported(imported(data)) == data


def test_entry_copied_on_a_server_without_its_food_still_names_it():
    data = exported(make_account())
    Product.objects.filter(owner=None).delete()
    again = imported(data)
    diary.copy(MealItem.objects.owned_by(again).filter(time=dt.time(7, 30)), to_day=dt.date(2026, 3, 3))

    items = document_of(exported(again))["meals"][-1]["items"]
    assert [item["food"] for item in items] == [{"source": "openfoodfacts", "barcode": "3017624010701"}]


amounts = st.decimals(Decimal("0.01"), Decimal(99_999), places=4).filter(lambda value: value >= Decimal("0.01"))
figures = st.dictionaries(st.sampled_from(MAIN_KEYS), st.decimals(0, 900, places=4), max_size=4)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)
days = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))
times = st.none() | st.times()
item_rows = st.tuples(names, st.sampled_from(["g", "ml", "serving"]), figures, amounts, times, st.sampled_from("nfor"))
meal_rows = st.dictionaries(st.tuples(days, names), st.lists(item_rows, max_size=4), max_size=4)
weights = st.dictionaries(st.tuples(days, st.times()), st.decimals(2, 650, places=3), max_size=3)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(meal_rows, weights)
def test_any_diary_comes_back_byte_for_byte(meals, weighed):
    user = make_user()
    own, recipe = make_own_food(user), make_recipe(user)
    food = Product.objects.filter(source="fdc").first() or make_product(source="fdc", barcode="", source_id="7")
    for (day, meal_name), items in meals.items():
        meal = make_meal(user, day=day, name=meal_name)
        for position, (name, basis, declared, amount, time, kind) in enumerate(items):
            of = {"n": {}, "f": {"product": food}, "o": {"product": own}, "r": {"recipe": recipe}}[kind]
            make_item(
                meal, name=name, basis=basis, figures=Nutrients(declared), amount=amount, time=time,
                position=position * 3, at_least=sorted(declared)[:1], **of,
            )  # fmt: skip
    for (day, time), weight in weighed.items():
        WeightEntry.objects.create(user=user, day=day, time=time, weight_kg=weight)

    data = exported(user)

    assert exported(imported(data)) == data


# --- What is in it ------------------------------------------------------------------------------------------------
def test_export_says_what_is_what_and_whose_data_it_has():
    archive = zipfile.ZipFile(io.BytesIO(exported(make_account())))

    readme = archive.read("README.txt").decode()

    assert "Open Database License" in readme or "ODbL" in readme
    assert "USDA" in readme
    assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())
    assert {entry.filename for entry in archive.infolist()} == {
        "README.txt", "account.json", "days.csv", "items.csv", "recipes.csv", "ingredients.csv", "own_foods.csv",
        "corrections.csv", "favourites.csv", "weights.csv", "measurements.csv", "targets.csv", "profile.csv",
    }  # fmt: skip


def test_days_are_the_sums_of_their_items():
    data = exported(make_account())

    items, days = table(data, "items"), table(data, "days")

    for day in days:
        parts = [Decimal(item["energy_kcal"]) for item in items if item["day"] == day["day"]]
        assert Decimal(day["energy_kcal"]) == sum(parts)


def test_name_that_a_spreadsheet_would_run_is_only_text():
    items = table(exported(make_account()), "items")

    assert [item["name"] for item in items if "calc" in item["name"]] == ["'=cmd|' /C calc'!A0"]


def test_export_has_nobody_else_s_rows_and_no_secrets():
    user = make_user(username="somebody-unmistakable", email="me@example.org")
    other = make_account()

    text = exported(user).decode("latin-1") + json.dumps(document_of(exported(user)))

    assert "somebody-unmistakable" not in text
    assert "me@example.org" not in text
    assert document_of(exported(user))["own_foods"] == []
    assert other.password not in text


def test_ten_times_the_diary_costs_no_more_queries():
    counts = []
    for size in (2, 20):
        user = make_user()
        for number in range(size):
            make_item(make_meal(user, day=MONDAY + dt.timedelta(days=number)))
            make_ingredient(make_recipe(user))
        with CaptureQueriesContext(connection) as queries:
            exported(user)
        counts.append(len(queries))

    assert counts[0] == counts[1]


# Columns that are not in the file, and why.
LEFT_OUT = {
    "id": "numbers of rows are this server's",
    "user": "the account it is imported into", "owner": "the same",
    "position": "rows stand in their order",
    "product": "named by source and barcode", "origin": "the same", "recipe": "by its number", "part": "the same",
    "meal": "items stand in it", "kind": "values stand in it", "target": "days stand in it",
    "uuid": "made anew: two accounts may have the same food", "source": "own", "source_id": "own foods have none",
    "search_text": "computed", "quality": "computed", "may_be_kept": "own foods always may",
    "nutriscore": "only providers say it", "nova_group": "only providers say it", "allergens": "only providers say it",
    "vision_host": "agreed to for photos on this server", "mails_insights": "agreed to for letters of this server",
    "traces": "only providers say it", "image_url": "only providers say it",
}  # fmt: skip


# Kinds of rows that are not in the file, and why.
KINDS_LEFT_OUT = {
    Undo: "works for a while, and here alone",
    Photo: "more megabytes than an import takes; each can be saved by itself",
    Example: "computed from a photo, with numbers that mean something to one version alone",
    Insight: "computed from the diary, which is in it",
    Recogniser: "learned from photos, which are not in it; learned again where they are",
}


@pytest.mark.parametrize(
    ("model", "shapes"),
    [(Product, doc.OWN_FOOD), (Correction, doc.CORRECTION), (Recipe, doc.RECIPE), (Ingredient, doc.INGREDIENT),
     (Meal, doc.MEAL), (MealItem, doc.ITEM), (Favourite, doc.FAVOURITE), (WeightEntry, doc.WEIGHT),
     (MeasurementKind, doc.MEASUREMENT_KIND), (Measurement, doc.MEASUREMENT), (Target, doc.TARGET),
     (TargetDay, doc.TARGET_DAY), (Profile, doc.PROFILE)],
)  # fmt: skip
def test_every_column_is_in_the_file_or_left_out_for_a_reason(model, shapes):
    columns = {field.name for field in model._meta.get_fields() if field.concrete}

    assert columns - LEFT_OUT.keys() == set(shapes)


def test_every_kind_of_row_that_is_a_person_s_is_exported():
    kinds: set[Any] = {
        model
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is User
    }

    assert {kind for kind in kinds if kind._meta.app_label in {"products", "tracking"}} - KINDS_LEFT_OUT.keys() == {
        Product, Correction, Meal, Recipe, Favourite, WeightEntry, MeasurementKind, Target, Profile, Awaited
    }  # fmt: skip


# --- What is refused ----------------------------------------------------------------------------------------------
def test_account_with_something_in_it_takes_no_other():
    data, user = exported(make_account()), make_user()
    make_item(make_meal(user))

    with pytest.raises(Conflict, match="empty"):
        imported(data, user)

    assert MealItem.objects.owned_by(user).count() == 1


def test_account_of_which_only_the_profile_is_filled_in_counts_as_empty():
    data, user = exported(make_account()), make_user()
    Profile.objects.create(user=user, sex="male")
    make_meal(user)  # emptied

    assert exported(imported(data, user)) == data


def edited(change):
    document = document_of(exported(make_account()))
    change(document)
    return document


def set_at(path, value):
    def change(document):
        *way, last = path
        for step in way:
            document = document[step]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("version",), 2, "account.json"),
        (("format",), "other", "account.json"),
        (("surprise",), [], "account.json"),
        (("meals",), {}, "meals"),
        (("meals", 1, "items", 0, "amount"), "100000", "meals › 2 › items › 1 › amount"),
        (("meals", 1, "items", 0, "amount"), "1e3", "meals › 2 › items › 1 › amount"),
        (("meals", 1, "items", 0, "amount"), 30, "meals › 2 › items › 1 › amount"),
        (("meals", 1, "items", 0, "figures"), {"energy_kcal": "NaN"}, "meals › 2 › items › 1 › figures"),
        (("meals", 1, "items", 0, "figures"), {"magic": "1"}, "meals › 2 › items › 1 › figures"),
        (("meals", 1, "items", 0, "figures"), {"fat_g": "-1"}, "meals › 2 › items › 1 › figures"),
        (("meals", 1, "items", 0, "figures"), {"fat_g": "9" * 20}, "meals › 2 › items › 1 › figures"),
        (("meals", 1, "items", 0, "at_least"), ["magic"], "meals › 2 › items › 1 › at_least"),
        (("meals", 1, "items", 0, "at_least"), [{}], "meals › 2 › items › 1 › at_least"),
        (("meals", 1, "items", 0, "name"), "", "meals › 2 › items › 1 › name"),
        (("meals", 1, "items", 0, "name"), "a\x00b", "meals › 2 › items › 1 › name"),
        (("meals", 1, "items", 0, "name"), "\ud800", "meals › 2 › items › 1 › name"),
        (("meals", 1, "items", 0, "basis"), ["g"], "meals › 2 › items › 1 › basis"),
        (("meals", 1, "items", 0, "time"), "25:00", "meals › 2 › items › 1 › time"),
        (("meals", 1, "items", 0, "created_at"), "2026-03-02T12:00:00", "meals › 2 › items › 1 › created_at"),
        (("meals", 1, "items", 0, "food"), {"own": 9}, "meals › 2 › items › 1 › food"),
        (("meals", 1, "items", 0, "food"), {"own": True}, "meals › 2 › items › 1 › food"),
        (("meals", 1, "items", 0, "food"), {"source": "a/b", "id": "12"}, "meals › 2 › items › 1 › food › source"),
        (("meals", 1, "items", 0, "food"), {"source": "own", "id": "x"}, "meals › 2 › items › 1 › food › source"),
        (("meals", 1, "items", 0, "recipe"), 1, "meals › 2 › items › 1"),
        (("meals", 1, "items", 1, "recipe"), 3, "meals › 2 › items › 2 › recipe"),
        (("meals", 1, "day"), "2026-02-30", "meals › 2 › day"),
        (("meals", 1, "day"), "1066-10-14", "meals › 2 › day"),
        (("meals", 1, "extra"), 1, "meals › 2"),
        (("meals", 1), None, "meals › 2"),
        (("meals", 1, "name"), "Second breakfast", "meals › 3"),
        (("recipes", 0, "servings"), "0", "recipes › 1 › servings"),
        (("recipes", 1, "ingredients", 0, "part"), 0, "recipes › 2 › ingredients › 1 › part"),
        (("own_foods", 0, "per_100"), {"energy_kcal": "5000"}, "own_foods › 1 › per_100 › energy_kcal"),
        (("own_foods", 0, "barcode"), "abc", "own_foods › 1 › barcode"),
        (("own_foods", 0, "servings"), [{"label": "x", "amount": "0"}], "own_foods › 1 › servings › amount"),
        (("corrections", 0, "changes"), {}, "corrections › 1 › changes"),
        (("corrections", 0, "changes"), {"owner": 1}, "corrections › 1 › changes"),
        (("corrections", 0, "food"), {"own": 1}, "corrections › 1 › food"),
        (("favourites", 0, "food"), None, "favourites › 1"),
        (("weights", 0, "weight_kg"), "1", "weights › 1 › weight_kg"),
        (("weights", 0, "weight_kg"), "80.1234", "weights › 1 › weight_kg"),
        (("measurement_kinds", 0, "values", 0, "value"), "-1", "measurement_kinds › 1 › values › 1 › value"),
        (("targets", 0, "days", 0, "weekday"), 7, "targets › 1 › days › 1 › weekday"),
        (("targets", 0, "goal"), "vanish", "targets › 1 › goal"),
        (("preferences", "time_zone"), "Moon/Base", "preferences › time_zone"),
        (("profile", "pregnant_or_breastfeeding"), "no", "profile › pregnant_or_breastfeeding"),
    ],
)  # fmt: skip
def test_wrong_value_is_refused_with_the_place_where_it_stands(path, value, where):
    document = edited(set_at(path, value))
    user = make_user()

    with pytest.raises(Broken) as refused:
        imported(archive_of(document), user)

    assert str(refused.value).startswith(f"{where}:")
    assert MealItem.objects.owned_by(user).count() == 0


def bomb():
    return archive_of(b" " * (doc.MOST_DOCUMENT_BYTES + 1))


def encrypted():
    data = bytearray(archive_of("{}"))
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "make",
    [lambda: b"", lambda: b"PK\x03\x04 and then nothing", lambda: archive_of("{}")[:-30], encrypted, bomb,
     lambda: archive_of("{"), lambda: archive_of("[" * 100_000), lambda: archive_of('{"version": NaN}'),
     lambda: archive_of("9" * 10_000), lambda: archive_of(b"\xff\xfe\xfd"), lambda: archive_of("null"),
     lambda: archive_of("{}", **{"../../etc/passwd": "x"}), lambda: archive_of("{}", **{"/etc/passwd": "x"}),
     lambda: archive_of("{}", **{"C:\\x": "x"})],
)  # fmt: skip
def test_what_is_no_export_is_a_sentence(make):
    with pytest.raises(Broken) as refused:
        document_in(io.BytesIO(make()))

    assert str(refused.value).endswith(".")


def test_import_that_the_database_stops_half_way_leaves_nothing():
    data, user = exported(make_account()), make_user()
    account = read_account(document_in(io.BytesIO(data)))
    twice = type(account)(**{**vars(account), "targets": account.targets * 2})  # as no reader would let through

    with pytest.raises(Exception, match="(?i)unique"):
        import_account(user, twice)

    user.refresh_from_db()
    assert user.time_zone == "UTC"
    assert MealItem.objects.owned_by(user).count() == Recipe.objects.owned_by(user).count() == 0
