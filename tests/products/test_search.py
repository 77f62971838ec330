import pytest
from django.core.management import call_command
from django.db import connection

from products import services
from products.models import Product
from products.search import search
from tests.factories import make_own_food, make_product, make_user

pytestmark = pytest.mark.django_db


def found(text, user=None, **options):
    return [product.name for product in search(text, user or make_user(), **options).products]


@pytest.fixture
def foods():
    for number, name in enumerate(
        ["Chocolate hazelnut spread", "Hazelnuts", "Crème brûlée", "Œufs frais", "Milk 3.5%"]
    ):
        make_product(name=name, barcode=f"{20_000_000 + number}")


def test_all_words_must_fit_and_each_as_a_beginning(foods):
    assert found("haz choc") == ["Chocolate hazelnut spread"]
    assert set(found("haz")) == {"Chocolate hazelnut spread", "Hazelnuts"}
    assert found("haz milk") == []


def test_accents_and_case_make_no_difference(foods):
    assert found("CREME brulee") == found("crème BRÛLÉE") == ["Crème brûlée"]


def test_misspelt_words_find_the_nearest_where_the_server_can(foods):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
            if cursor.fetchone() is None:
                pytest.skip("this PostgreSQL comes without pg_trgm")
    assert found("choclate") == ["Chocolate hazelnut spread"]
    assert found("hazlenut")[0] in {"Chocolate hazelnut spread", "Hazelnuts"}
    assert found("xyzzyx") == []


def test_barcode_finds_its_food_with_and_without_leading_zeros():
    make_product(name="Noodles", barcode="0737628064502")

    assert found("0737628064502") == found("737628064502") == found("73762") == ["Noodles"]


@pytest.mark.parametrize("text", ["0000", "0", "00", "0012345678905", "012345678905", "12345678905", "123456"])
def test_digits_find_codes_with_leading_zeros_and_never_fail(text):
    make_product(name="Noodles", barcode="0012345678905")

    assert found(text) == ([] if text == "0000" else ["Noodles"])


def test_food_is_found_by_the_name_its_person_gave_it():
    product, mine = make_product(), make_user()
    services.correct(product, mine, {"name": "Zebra cream"})

    assert found("zebra", mine) == ["Nut spread"]
    assert found("zebra", make_user()) == []


def test_own_names_are_paged_and_leave_a_search_of_own_foods_alone():
    mine = make_user()
    for number in range(5):
        product = make_product(name=f"Food {number}", barcode=f"{20_000_000 + number}")
        services.correct(product, mine, {"name": f"Zebra {number}"})
    make_product(name="Zebra steak", barcode="30000000")
    make_own_food(mine, name="Zebrra")

    pages = [search("zebra", mine, limit=2)]
    while pages[-1].next_cursor:
        pages.append(search("zebra", mine, limit=2, cursor=pages[-1].next_cursor))
    seen = [food.pk for page in pages for food in page.products]

    assert len(seen) == len(set(seen)) == 6
    assert len(pages) == 3
    if connection.vendor == "sqlite":
        assert found("zebra", mine, own_only=True) == ["Zebrra"]


def test_misspelt_search_has_no_second_page():
    if connection.vendor == "postgresql":
        pytest.skip("depends on pg_trgm")
    for number in range(30):
        make_product(name=f"Chocolate {number}", barcode=f"{20_000_000 + number}")

    page = search("choclate", make_user(), limit=10)

    assert len(page.products) == 10
    assert page.next_cursor is None


def test_brand_and_other_languages_are_searched():
    make_product(name="Spread", brand="Nutty Ltd", names={"de": "Brotaufstrich"})

    assert found("nutty") == found("brotauf") == ["Spread"]


def test_own_foods_of_others_are_never_found():
    mine, other = make_user(), make_user()
    make_own_food(mine, name="Secret soup")

    assert found("secret", mine) == ["Secret soup"]
    assert found("secret", other) == found("", other) == []


def test_only_own_foods_where_that_is_wanted(foods):
    mine = make_user()
    make_own_food(mine, name="Hazelnut cake")

    assert found("hazelnut", mine, own_only=True) == ["Hazelnut cake"]


def test_index_follows_every_way_of_writing():
    product = make_product(name="First")
    product.name = "Second"
    product.save()
    assert (found("first"), found("second")) == ([], ["Second"])

    Product.objects.bulk_create(
        [Product(source="openfoodfacts", barcode="20000001", name="Third", search_text="third")]
    )
    assert found("third") == ["Third"]

    Product.objects.all().delete()
    assert found("second") == found("third") == []


def test_migrating_again_keeps_the_index_whole():
    make_product(name="Porridge")

    call_command("migrate", verbosity=0)

    assert found("porridge") == ["Porridge"]


def test_lost_triggers_are_made_again_and_the_index_rebuilt():
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite drops triggers when it rebuilds a table")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER products_product_words_on_insert")
    make_product(name="Porridge")

    call_command("migrate", verbosity=0)

    assert found("porridge") == ["Porridge"]
