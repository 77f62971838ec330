from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone

from products import lookup, services
from products.barcodes import Barcode
from products.foods import Food
from products.models import OWN, Correction, Product
from products.nutrients import Nutrients
from products.providers.base import Serving
from tests.factories import BARCODE, make_own_food, make_product, make_user

pytestmark = pytest.mark.django_db
ASKED = Barcode(BARCODE)


def seen(user):
    return Food(lookup.lookup(ASKED, user), ["en"], timezone.now())


def test_own_food_keeps_what_was_entered_exactly():
    user = make_user()

    food = services.create_own_food(
        owner=user,
        name="Soup",
        basis="ml",
        per_100={"energy_kcal": Decimal("41.5"), "salt_g": Decimal("0.0001"), "fat_g": None},
        servings=[Serving("1 bowl", Decimal(300))],
    )

    food.refresh_from_db()
    assert food.per_100 == Nutrients({"energy_kcal": Decimal("41.5"), "salt_g": Decimal("0.0001")})
    assert (food.owner, food.source, food.basis) == (user, OWN, "ml")
    assert food.servings == [{"label": "1 bowl", "amount": "300"}]


def test_second_own_food_with_the_same_barcode_is_refused():
    user = make_user()
    first = make_own_food(user, barcode=BARCODE)

    with pytest.raises(services.BarcodeTaken) as error:
        services.create_own_food(owner=user, name="Again", per_100={}, barcode=ASKED)

    assert error.value.product == first


def test_two_people_may_have_own_foods_with_one_barcode():
    for _ in range(2):
        services.create_own_food(owner=make_user(), name="Mine", per_100={}, barcode=ASKED)

    assert Product.objects.filter(barcode=BARCODE).count() == 2


def test_correction_is_seen_by_its_person_alone_and_the_row_is_untouched():
    product, mine, other = make_product(), make_user(), make_user()

    services.correct(product, mine, {"name": "Better", "per_100": {"salt_g": Decimal("0.3"), "sugars_g": None}})

    assert (seen(mine).name, seen(mine).per_100["salt_g"], seen(mine).per_100.get("sugars_g")) == (
        "Better",
        Decimal("0.3"),
        None,
    )
    assert (seen(other).name, seen(other).per_100["salt_g"]) == ("Nut spread", Decimal("0.107"))
    product.refresh_from_db()
    assert product.name == "Nut spread"


def test_what_equals_the_provider_s_words_is_no_correction():
    product, user = make_product(), make_user()
    everything = {
        "name": product.name,
        "brand": product.brand,
        "basis": "g",
        "servings": [Serving("1 spoon (15 g)", Decimal(15))],
        "per_100": {**dict(product.per_100), "fiber_g": None},
    }

    assert services.correct(product, user, everything) is None
    assert Correction.objects.count() == 0


def test_name_may_be_corrected_to_the_one_that_other_languages_see():
    product, user = make_product(name="Milk", names={"de": "Milch"}), make_user()

    services.correct(product, user, {"name": "Milk"})

    assert Food(lookup.lookup(ASKED, user), ["de"], timezone.now()).name == "Milk"


def test_change_of_a_food_that_was_deleted_meanwhile_says_so():
    food = make_own_food(make_user())
    Product.objects.all().delete()

    assert services.change_own_food(food, {"brand": "x"}) is False


def test_correcting_back_to_the_provider_s_value_removes_the_correction():
    product, user = make_product(), make_user()
    services.correct(product, user, {"per_100": {"salt_g": Decimal(9)}})

    services.correct(product, user, {"per_100": {"salt_g": Decimal("0.107")}})

    assert Correction.objects.count() == 0


def test_corrections_add_up():
    product, user = make_product(), make_user()

    services.correct(product, user, {"name": "A", "per_100": {"salt_g": Decimal(1)}})
    services.correct(product, user, {"brand": "B", "per_100": {"fat_g": Decimal(2)}})

    assert Correction.objects.get().changes == {"name": "A", "brand": "B", "per_100": {"salt_g": "1", "fat_g": "2"}}


def test_withdrawing_gives_the_provider_s_words_back():
    product, user = make_product(), make_user()
    services.correct(product, user, {"name": "A"})

    assert services.withdraw_correction(product, user) is True
    assert services.withdraw_correction(product, user) is False
    assert seen(user).name == "Nut spread"


def test_doubts_about_figures_are_found_anew_after_a_correction():
    product = make_product(
        per_100=Nutrients({"energy_kcal": Decimal(40), "sugars_g": Decimal(20), "carbohydrates_g": Decimal(10)}),
        quality=[{"code": "PARTS_EXCEED_WHOLE"}, {"code": "PROVIDER_WARNING", "about": ["x"]}],
    )
    user = make_user()

    services.correct(product, user, {"per_100": {"sugars_g": Decimal(9)}})

    assert [flag.code for flag in seen(user).quality] == ["CORRECTED", "PROVIDER_WARNING"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_100": Nutrients({"fat_g": Decimal(101)})},
        {"per_100": Nutrients({"fat_g": Decimal(-1)})},
        {"per_100": Nutrients({"energy_kcal": Decimal(903)})},
        {"name": ""},
        {"basis": "oz"},
        {"source": OWN},
    ],
)
def test_the_database_refuses_impossible_rows(wrong):
    with pytest.raises(IntegrityError):
        make_product(**wrong)


def test_the_database_keeps_one_row_per_provider_and_barcode():
    make_product()

    with pytest.raises(IntegrityError):
        make_product()


def test_changing_an_own_food_changes_what_is_named_only():
    food = make_own_food(make_user())

    services.change_own_food(food, {"brand": "Mum", "per_100": {"salt_g": None, "fiber_g": Decimal(2)}})

    food.refresh_from_db()
    assert (food.name, food.brand) == ("Granny's soup", "Mum")
    assert (food.per_100.get("salt_g"), food.per_100["fiber_g"], food.per_100["fat_g"]) == (None, 2, Decimal("30.9"))


def foods():
    """Every column but the time, which fixtures cut to milliseconds."""
    columns = [field.attname for field in Product._meta.concrete_fields if field.name != "fetched_at"]
    return list(Product.objects.values(*columns))


def test_foods_go_through_a_fixture_unharmed(tmp_path):
    make_product(per_100=Nutrients({"energy_kcal": Decimal(539), "salt_g": Decimal("0.107")}))
    file = tmp_path / "foods.json"
    call_command("dumpdata", "products", output=str(file), verbosity=0)
    before = foods()

    Product.objects.all().delete()
    call_command("loaddata", str(file), verbosity=0)

    assert foods() == before
