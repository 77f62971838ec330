"""Recipes: what they have, however they are nested, and how they are written."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from products.foods import Food
from products.models import Product
from products.nutrients import Nutrients
from products.services import correct
from tests.factories import make_ingredient, make_own_food, make_product, make_recipe, make_user
from tracking.errors import Conflict, Refused
from tracking.models import Basis, Ingredient, Recipe
from tracking.recipes import MOST_LEVELS, Kept, RecipeBook, levels
from tracking.services import diary, recipes
from tracking.services.recipes import of_recipe
from tracking.summaries import day_of
from tracking.totals import SUMMED, Totals, add_up

MONDAY = dt.date(2026, 3, 2)


def food_of(product, user):
    return Food(Product.objects.corrected_for(user).get(pk=product.pk), ("en",), timezone.now())


def figures_of(recipe):
    return RecipeBook.of(recipe.user).figures(recipe)


def put(recipe, part, quantity=1, unit="serving"):
    """Some of `part` into `recipe`, as a person does it."""
    return recipes.add_ingredients(recipe, [of_recipe(part, Decimal(quantity), unit)])[0]


# --- Arithmetic, in memory --------------------------------------------------------------------------------------
FIGURES = st.dictionaries(
    st.sampled_from(["energy_kcal", "protein_g", "fat_g", "iron_mg"]),
    st.decimals(min_value=0, max_value=900, places=4),
)
AMOUNTS = st.decimals(min_value="0.01", max_value=2000, places=2)
INGREDIENTS = st.lists(st.tuples(FIGURES, AMOUNTS), min_size=1, max_size=6)
SERVINGS = st.decimals(min_value="0.5", max_value=40, places=1)


def book_of(*written):
    """A book of recipes that are written as (servings, ingredients); an ingredient is (what, amount).

    `what` are figures per 100 g, or the place of another recipe, counted in servings. Not saved.
    """
    made = [Recipe(pk=at + 1, name=f"recipe {at}", servings=servings) for at, (servings, _inside) in enumerate(written)]
    inside: list[Ingredient] = []
    for recipe, (_servings, ingredients) in zip(made, written, strict=True):
        for what, amount in ingredients:
            row = Ingredient(pk=len(inside), recipe=recipe, name="some", quantity=amount, amount=amount)
            if isinstance(what, int):
                row.part_id, row.basis = what + 1, Basis.SERVING
            else:
                row.figures = Nutrients(what)
            inside.append(row)
    return RecipeBook(made, inside, {}), made


@given(INGREDIENTS, SERVINGS)
def test_the_whole_is_the_sum_of_its_ingredients_and_a_serving_its_share(ingredients, servings):
    book, (recipe,) = book_of((servings, ingredients))

    figures = book.figures(recipe)

    assert figures.totals == add_up(line.totals for line in figures.lines)
    for key, value in figures.totals.known.items():
        assert abs(figures.per_serving[key] - value / servings) <= Decimal("0.00005")
    assert figures.per_serving.keys() == figures.totals.known.keys()


@given(INGREDIENTS, INGREDIENTS, INGREDIENTS, SERVINGS, SERVINGS)
def test_a_recipe_in_a_recipe_in_a_recipe_is_what_all_its_ingredients_are(inner, middle, outer, one, two):
    nested, made = book_of((one, inner), (two, [*middle, (0, one)]), (Decimal(1), [*outer, (1, two)]))
    flat, (all_in_one,) = book_of((Decimal(1), [*inner, *middle, *outer]))

    of_nested, of_flat = nested.figures(made[2]).totals, flat.figures(all_in_one).totals

    assert of_nested.known.keys() == of_flat.known.keys()
    assert of_nested.partial == of_flat.partial
    # A serving is rounded to four decimals once a level, and up to 40 of them are eaten.
    for key, value in of_flat.known.items():
        assert abs(of_nested.known[key] - value) <= Decimal("0.005")


@given(INGREDIENTS, INGREDIENTS, SERVINGS)
def test_what_one_ingredient_does_not_declare_is_at_least_through_every_level(inner, outer, servings):
    book, made = book_of((servings, inner), (Decimal(2), [*outer, (0, Decimal(1))]))

    figures = book.figures(made[1])

    for key in SUMMED:
        declared = [key in what for what, _amount in [*inner, *outer]]
        assert (key in figures.per_serving) == any(declared)
        assert (key in figures.at_least) == (any(declared) and not all(declared))
        assert figures.totals.get(key) is not None or not any(declared)


def test_nothing_is_known_of_a_recipe_without_ingredients():
    book, (recipe,) = book_of((Decimal(1), []))

    figures = book.figures(recipe)

    assert figures.totals == Totals(partial=SUMMED)
    assert figures.per_serving == Nutrients({})


def test_a_circle_that_is_there_already_is_read_with_the_kept_figures_whichever_recipe_comes_first():
    kept = {"energy_kcal": Decimal(50)}
    written = [
        (Decimal(1), [({"energy_kcal": Decimal(100)}, Decimal(100)), (1, Decimal(1))]),
        (Decimal(1), [(0, Decimal(2))]),
        (Decimal(1), [(2, Decimal(1))]),
    ]
    read = []
    for order in ([0, 1, 2], [2, 1, 0]):
        book, made = book_of(*written)
        for ingredients in book._ingredients.values():
            for each in ingredients:
                each.figures = each.figures or Nutrients(kept)
        read.append({at: book.figures(made[at]).totals.get("energy_kcal") for at in order})
        assert book.figures(made[1]).lines[0].kept is Kept.CIRCLE

    assert read[0] == read[1] == {0: 150, 1: 100, 2: 50}


def test_a_chain_of_thousands_of_recipes_is_read():
    chain: list[Any] = [(Decimal(1), [({"energy_kcal": Decimal(7)}, Decimal(100))])]
    chain += [(Decimal(1), [(at, Decimal(1))]) for at in range(5000)]
    book, made = book_of(*chain)

    assert book.figures(made[-1]).totals.get("energy_kcal") == 7


def test_a_figure_that_no_number_holds_is_unknown_and_no_crash():
    crumb = Decimal("0.01")
    chain: list[Any] = [(crumb, [({"energy_kcal": Decimal(900)}, Decimal(99_999))])]
    chain += [(crumb, [(at, Decimal(99_999))]) for at in range(5)]
    book, made = book_of(*chain)

    figures = book.figures(made[-1])

    assert figures.totals.get("energy_kcal") is None
    assert figures.totals.at_least("energy_kcal")


def test_levels_count_from_the_innermost_and_leave_circles_out():
    parts = {1: frozenset({2, 3}), 2: frozenset({3}), 3: frozenset(), 4: frozenset({5}), 5: frozenset({4})}

    found = levels(parts)

    assert (found, list(found)[0]) == ({3: 1, 2: 2, 1: 3}, 3)


# --- What counts ------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_present_figures_count_with_the_persons_own_correction():
    user, spread = make_user(), make_product()
    recipe = recipes.create(user, name="Toast", ingredients=[diary.of_food(food_of(spread, user), Decimal(100))])

    correct(spread, user, {"per_100": {"energy_kcal": Decimal(600)}})

    (line,) = figures_of(recipe).lines
    assert (line.totals.get("energy_kcal"), line.kept) == (600, None)


@pytest.mark.django_db
def test_kept_figures_count_when_the_food_is_gone_or_counted_otherwise_and_it_is_said():
    user = make_user()
    gone, other = make_own_food(user), make_own_food(user, name="Milk")
    foods = [diary.of_food(food_of(product, user), Decimal(100)) for product in (gone, other)]
    recipe = recipes.create(user, name="Soup", ingredients=foods)

    gone.delete()
    Product.objects.filter(pk=other.pk).update(basis="ml", per_100=Nutrients({"energy_kcal": Decimal(1)}))

    lines = figures_of(recipe).lines
    assert [(line.kept, line.totals.get("energy_kcal")) for line in lines] == [(Kept.GONE, 539), (Kept.BASIS, 539)]


@pytest.mark.django_db
def test_somebody_elses_food_in_the_data_shows_nothing_of_it():
    theirs = make_own_food(make_user(), name="Secret")
    recipe = make_recipe(ingredients=[{"product": theirs, "name": "Mine", "figures": Nutrients({})}])

    (line,) = figures_of(recipe).lines

    assert (line.name, line.food, line.kept, line.totals.known) == ("Mine", None, Kept.GONE, Nutrients({}))


@pytest.mark.django_db
def test_an_inner_recipe_counts_by_serving_and_by_weight_until_its_weight_is_not_known():
    user = make_user()
    dough = make_recipe(user, name="Dough", cooked_weight_g=Decimal(400), ingredients=[{}])
    pie = make_recipe(user, name="Pie")
    put(pie, dough, 1)
    put(pie, dough, 100, "g")

    before = [line.totals.get("energy_kcal") for line in figures_of(pie).lines]
    recipes.change(dough, {"cooked_weight_g": None})
    make_ingredient(dough)
    after = [(line.totals.get("energy_kcal"), line.kept) for line in figures_of(pie).lines]

    assert before == [Decimal("269.5"), Decimal("134.75")]
    assert after == [(539, None), (Decimal("134.75"), Kept.BASIS)]


@pytest.mark.django_db
def test_a_book_takes_as_many_queries_for_fifty_nested_recipes_as_for_five(django_assert_num_queries):
    user, spread = make_user(), make_product()
    for count in (5, 45):
        last = None
        for _number in range(count):
            recipe = make_recipe(user, ingredients=[{"product": spread}])
            if last is not None:
                make_ingredient(recipe, part=last, basis="serving", quantity=1, amount=1)
            last = recipe
        with django_assert_num_queries(3):
            book = RecipeBook.of(user)
            assert all(book.figures(recipe).totals.known for recipe in book.search())


# --- Writing ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_portion_is_logged_with_the_figures_it_has_today_at_least_included():
    user = make_user()
    stew = make_recipe(user, ingredients=[{}, {"figures": Nutrients({"fiber_g": Decimal(3)})}])

    diary.log(user, MONDAY, "lunch", [of_recipe(stew, Decimal("1.5"), "servings")])
    make_ingredient(stew)

    (item,) = day_of(user, MONDAY).items
    assert (item.name, item.recipe, item.basis, item.amount) == ("Pancakes", stew, "serving", Decimal("1.5"))
    assert item.totals.get("energy_kcal") == Decimal("404.25")
    assert (item.totals.get("fiber_g"), item.totals.at_least("fiber_g")) == (Decimal("2.25"), True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("weight", "inside", "unit", "field"),
    [(None, [{}], "g", "unit"), (400, [{}], "ml", "unit"), (400, [{}], "slice", "unit"), (400, [], "", "recipe")],
)
def test_a_portion_that_cannot_be_counted_is_refused(weight, inside, unit, field):
    recipe = make_recipe(cooked_weight_g=weight, ingredients=inside)

    with pytest.raises(Refused) as refused:
        of_recipe(recipe, Decimal(1), unit)

    assert refused.value.field == field


@pytest.mark.django_db
def test_no_recipe_can_come_into_itself_directly_or_through_others():
    user = make_user()
    a, b, c = (make_recipe(user, name=name, ingredients=[{}]) for name in "abc")
    put(a, b)
    put(b, c)

    for outer, inner in ((c, a), (c, b), (b, a), (a, a)):
        with pytest.raises(Refused):
            put(outer, inner)
        assert not RecipeBook.of(user).fits(inner, into=outer)

    assert Ingredient.objects.filter(part__isnull=False).count() == 2


@pytest.mark.django_db
def test_levels_end_where_they_end_from_above_from_below_and_from_the_middle():
    user = make_user()
    chain = [make_recipe(user, name=str(at), ingredients=[{}]) for at in range(MOST_LEVELS + 1)]
    half = MOST_LEVELS // 2
    for at in [*range(half), *range(half + 1, MOST_LEVELS)]:
        put(chain[at + 1], chain[at])

    with pytest.raises(Refused):
        put(chain[half + 1], chain[half])
    put(chain[half + 1], chain[half - 1])

    assert max(levels(RecipeBook.of(user)._parts).values()) == MOST_LEVELS


@pytest.mark.django_db
def test_somebody_elses_recipe_is_no_ingredient():
    mine, theirs = make_recipe(ingredients=[{}]), make_recipe(ingredients=[{}])

    with pytest.raises(Refused):
        put(mine, theirs)

    assert not Ingredient.objects.filter(part=theirs).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_savings_at_once_that_make_a_circle_one_is_refused():
    user = make_user()
    a, b = make_recipe(user, name="a", ingredients=[{}]), make_recipe(user, name="b", ingredients=[{}])
    items = {"a": of_recipe(a, Decimal(1)), "b": of_recipe(b, Decimal(1))}
    together, refused = threading.Barrier(2), []

    def save(recipe, item):
        try:
            together.wait(timeout=30)
            recipes.add_ingredients(recipe, [item])
        except Refused as error:
            refused.append(error.field)
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=each) for each in ((a, items["b"]), (b, items["a"]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == ["recipe"]
    assert Ingredient.objects.filter(part__isnull=False).count() == 1


@pytest.mark.django_db
def test_a_duplicate_has_the_same_figures_and_a_life_of_its_own():
    user = make_user()
    inner = make_recipe(user, name="Dough", ingredients=[{}])
    recipe = make_recipe(user, cooked_weight_g=Decimal(500), note="Stir.", ingredients=[{}])
    put(recipe, inner, 2)

    copy = recipes.duplicate(recipe)

    assert (copy.name, copy.note, copy.pk != recipe.pk) == ("Copy of Pancakes", "Stir.", True)
    theirs, mine = figures_of(recipe), figures_of(copy)
    assert (mine.totals, mine.per_serving, mine.per_100) == (theirs.totals, theirs.per_serving, theirs.per_100)
    recipes.remove_ingredient(copy.ingredients.all()[0])
    assert figures_of(recipe).totals == theirs.totals


@pytest.mark.django_db
@settings(max_examples=15)  # each of them writes rows
@given(factor=st.decimals(min_value="0.25", max_value=50, places=2), amounts=st.lists(AMOUNTS, min_size=1, max_size=3))
def test_scaled_there_and_back_is_the_same_within_rounding(factor, amounts):
    inside = [{"quantity": amount, "amount": amount} for amount in amounts if amount * factor >= Decimal("0.01")]
    recipe = make_recipe(cooked_weight_g=Decimal(500), ingredients=inside)
    servings, before = recipe.servings, figures_of(recipe)

    recipes.scale(recipe, factor=factor)
    larger = figures_of(Recipe.objects.get(pk=recipe.pk))
    back = recipes.scale(recipe, servings=servings)

    assert (back.servings, abs(back.cooked_weight_g - 500) < Decimal("0.001")) == (servings, True)
    for line, amount in zip(figures_of(back).lines, [each["amount"] for each in inside], strict=True):
        assert abs(line.ingredient.amount - amount) <= Decimal("0.001")
    for key, value in before.per_serving.items():  # a serving stays what it is
        assert abs(larger.per_serving[key] - value) <= Decimal("0.01")


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"factor": Decimal(0)}, {"factor": Decimal(10_000)}, {"servings": Decimal("0.001")}])
def test_a_scale_that_an_ingredient_cannot_follow_changes_nothing(wrong):
    recipe = make_recipe(ingredients=[{}])

    with pytest.raises(Refused) as refused:
        recipes.scale(recipe, **wrong)

    assert [refused.value.field] == list(wrong)
    assert set(Recipe.objects.values_list("servings", "ingredients__amount")) == {(Decimal(2), Decimal(100))}


@pytest.mark.django_db
def test_deleting_a_recipe_leaves_what_it_was_to_others_and_to_the_diary():
    user = make_user()
    dough = make_recipe(user, name="Dough", ingredients=[{}])
    pie = make_recipe(user, name="Pie")
    put(pie, dough)
    diary.log(user, MONDAY, "lunch", [of_recipe(dough, Decimal(1))])
    make_ingredient(dough)  # later than what the pie has written down
    before = figures_of(pie).totals

    recipes.delete(dough)

    (line,) = figures_of(pie).lines
    assert (line.totals, line.kept, line.name) == (before, Kept.GONE, "Dough")
    assert day_of(user, MONDAY).totals.get("energy_kcal") == Decimal("269.5")
    with pytest.raises(Conflict):
        recipes.change(dough, {"name": "Again"})


@pytest.mark.django_db
def test_amounts_change_in_the_same_unit_in_another_and_back():
    user, spread = make_user(), make_product()
    recipe = recipes.create(
        user, name="Toast", ingredients=[diary.of_food(food_of(spread, user), Decimal(2), "1 spoon (15 g)")]
    )
    (pk,) = recipe.ingredients.values_list("pk", flat=True)
    Product.objects.update(servings=[{"label": "1 spoon (15 g)", "amount": "20"}])

    seen = []
    for change in ({"quantity": Decimal(3)}, {"unit": "kg"}, {"unit": "1 spoon (15 g)"}):
        (row,) = recipes.change_ingredients(recipe, {pk: change})
        seen.append((row.quantity, row.serving, row.amount))

    # Three of the same spoons keep their size; a spoon chosen anew is what a spoon is today.
    assert seen == [(3, "1 spoon (15 g)", 45), (3, "kg", 3000), (3, "1 spoon (15 g)", 60)]


@pytest.mark.django_db
def test_one_wrong_amount_of_several_changes_none():
    recipe = make_recipe(ingredients=[{}, {}])
    one, two = recipe.ingredients.values_list("pk", flat=True)

    with pytest.raises(Refused):
        recipes.change_ingredients(recipe, {one: {"quantity": Decimal(5)}, two: {"quantity": Decimal(0)}})

    assert list(recipe.ingredients.values_list("amount", flat=True)) == [100, 100]


@pytest.mark.django_db
def test_ingredients_move():
    recipe = make_recipe(ingredients=[{"name": name} for name in "abc"])
    a = recipe.ingredients.get(name="a")

    for position, expected in ((1, "bac"), (99, "bca"), (0, "abc")):
        recipes.move_ingredient(a, position)
        assert "".join(recipe.ingredients.values_list("name", flat=True)) == expected


@pytest.mark.django_db
def test_recipes_are_found_by_the_beginnings_of_their_words():
    user = make_user()
    for name in ("Crème brûlée", "Apple pie", "Pie of apples and nuts"):
        make_recipe(user, name=name)
    make_recipe(name="Somebody's pie")

    book = RecipeBook.of(user)

    assert [recipe.name for recipe in book.search("pie app")] == ["Apple pie", "Pie of apples and nuts"]
    assert [recipe.name for recipe in book.search("CREME")] == ["Crème brûlée"]
    assert (len(book.search()), book.search("!")) == (3, [])
