"""The diaries of other programs: what is understood, what is not and why, and that nothing comes in twice.

The first lines are those of real exports; what stands below them is made up.
"""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories import make_item, make_meal, make_user
from tracking.errors import Refused
from tracking.models import MealItem
from tracking.services import diary
from tracking.services.transfer import add_entries, new_entries
from tracking.transfer.foreign import DateOrder, NotUnderstood, read_foreign

MFP = (
    "Date,Meal,Calories,Fat (g),Saturated Fat,Polyunsaturated Fat,Monounsaturated Fat,Trans Fat,Cholesterol,"
    "Sodium (mg),Potassium,Carbohydrates (g),Fiber,Sugar,Protein (g),Vitamin A,Vitamin C,Calcium,Iron,Note\n"
    "2026-01-05,Breakfast,412.5,10.2,3,1,4,0,50,300,400,55,6,12,20,10,40,15,8,\n"
    '2026-01-05,Pre-workout,"1,050",30,,,,,,,,120,,,70,,,,,"before, and after"\n'
)
CRONOMETER = (
    "Day,Time,Group,Food Name,Amount,Energy (kcal),Alcohol (g),B1 (Thiamine) (mg),B12 (Cobalamin) (µg),Vitamin D (IU),"
    "Fluoride (µg),Sodium (mg),Net Carbs (g),Carbs (g),Fat (g),Trans-Fats (g),Protein (g),Category\n"
    '2026-02-01,1:00 PM,Lunch,"Chicken, roasted",120.00 g,198.00,0.00,0.08,0.40,40,250,88,0,0,4.3,0,37.2,Poultry\n'
    "2026-02-01,,Uncategorized,Water,250 ml,0.00,,,,,,,,,,,,Beverages\n"
)
CRONOMETER_DAYS = "Date,Energy (kcal),Protein (g),Completed\n2026-02-01,2100.5,120,true\n2026-02-02,,,false\n"
LOSE_IT = (
    "Date,Name,Icon,Type,Quantity,Units,Calories,Deleted,Fat (g),Protein (g),Carbohydrates (g),Saturated Fat (g),"
    "Sugars (g),Fiber (g),Cholesterol (mg),Sodium (mg)\n"
    '01/15/2026,"Sandwich, big",Sandwich,Lunch,1.5,Each,"1,656",0,82.50,108,124.50,22.50,n/a,7.50,268.50,5121\n'
    "01/15/2026,Cake,Cake,Snacks,1,Slice,400,1,18,4,50,9,30,1,40,200\n"
    "01/15/2026,Running,Run,Exercise,30,minutes,-250,0,,,,,,,,\n"
)


def read(text, **options):
    return read_foreign(text.encode(), **options)


def figures(entry, *keys):
    return tuple(entry.figures.get(key) for key in keys)


# --- Formats ------------------------------------------------------------------------------------------------------
def test_myfitnesspal_gives_an_entry_for_each_meal():
    reading = read(MFP)

    first, second = reading.entries
    assert (reading.program, reading.complaints, reading.ambiguous) == ("MyFitnessPal", (), False)
    assert (first.day, first.meal, first.name) == (dt.date(2026, 1, 5), "breakfast", "Breakfast")
    assert figures(first, "energy_kcal", "salt_g", "potassium_mg") == (Decimal("412.5"), Decimal("0.75"), 400)
    assert (second.meal, second.figures["energy_kcal"], second.figures.get("sugars_g")) == ("Pre-workout", 1050, None)
    assert reading.ignored == ("Vitamin A", "Vitamin C", "Calcium", "Iron")


def test_cronometer_gives_an_entry_for_each_food_with_its_time_and_units():
    reading = read(CRONOMETER)

    chicken, water = reading.entries
    assert (chicken.meal, chicken.name, chicken.time) == ("lunch", "Chicken, roasted (120.00 g)", dt.time(13))
    keys = ("energy_kcal", "vitamin_b1_mg", "vitamin_b12_ug", "vitamin_d_ug", "fluoride_mg", "salt_g")
    assert figures(chicken, *keys) == (198, Decimal("0.08"), Decimal("0.4"), 1, Decimal("0.25"), Decimal("0.22"))
    assert (water.meal, dict(water.figures), water.time) == ("snacks", {"energy_kcal": 0}, None)
    assert reading.ignored == ("Alcohol (g)", "Net Carbs (g)")


def test_cronometer_s_daily_summary_gives_an_entry_for_each_day_that_has_figures():
    reading = read(CRONOMETER_DAYS)

    assert [(entry.meal, entry.figures["energy_kcal"]) for entry in reading.entries] == [
        ("Cronometer", Decimal("2100.5"))
    ]
    assert [(each.line, each.why) for each in reading.complaints] == [(3, "no figures")]


def test_lose_it_leaves_out_what_was_deleted_and_exercise():
    reading = read(LOSE_IT)

    (entry,) = reading.entries
    assert (entry.day, entry.meal, entry.name) == (dt.date(2026, 1, 15), "lunch", "Sandwich, big (1.5 Each)")
    assert figures(entry, "energy_kcal", "sugars_g", "salt_g") == (1656, None, Decimal("12.8025"))
    assert [(each.line, each.why) for each in reading.complaints] == [(3, "deleted in Lose It!"), (4, "exercise")]


def test_lose_it_s_whole_export_calls_the_meal_meal():
    assert read(LOSE_IT.replace(",Type,", ",Meal,", 1)).entries[0].meal == "lunch"


def test_kilojoules_become_kilocalories():
    reading = read("Day,Group,Food Name,Amount,Energy (kJ)\n2026-02-01,Lunch,Soup,1 bowl,418.4\n")

    assert reading.entries[0].figures["energy_kcal"] == 100


# --- Ways of writing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_letters_come_through_in_every_encoding(encoding):
    text = "Day,Group,Food Name,Amount,Energy (kcal),Folate (µg)\r\n2026-02-01,Dîner,Crème brûlée,,300,7\r\n"

    (entry,) = read_foreign(text.encode(encoding)).entries

    assert (entry.meal, entry.name, entry.figures["vitamin_b9_ug"]) == ("Dîner", "Crème brûlée", Decimal(7))


@pytest.mark.parametrize(
    ("row", "energy", "fat"),
    [
        ("2026-01-05;Lunch;1.050,5;12,25", "1050.5", "12.25"),
        ("2026-01-05;Lunch;1050;12", "1050", "12"),
        ("2026-01-05;Lunch;1050.5;12.25", "1050.5", "12.25"),
        ('2026-01-05,Lunch,"412,5","12,25"', "412.5", "12.25"),
        ('2026-01-05,Lunch,"1,050","12"', "1050", "12"),
        ('2026-01-05,Lunch,"1,050.5",12', "1050.5", "12"),
        ("2026-01-05\tLunch\t1\u00a0050,5\t12", "1050.5", "12"),
    ],
)
def test_delimiters_and_decimal_commas(row, energy, fat):
    delimiter = next(each for each in ";\t," if each in row)

    (entry,) = read(delimiter.join(["Date", "Meal", "Calories", "Fat (g)"]) + f"\n{row}\n").entries

    assert figures(entry, "energy_kcal", "fat_g") == (Decimal(energy), Decimal(fat))


@pytest.mark.parametrize(
    ("dates", "order", "first", "ambiguous"),
    [
        (["03/04/2026"], None, dt.date(2026, 3, 4), True),
        (["03/04/2026"], DateOrder.DAY_FIRST, dt.date(2026, 4, 3), True),
        (["03/04/2026", "13/04/2026"], DateOrder.MONTH_FIRST, dt.date(2026, 4, 3), False),
        (["03/04/2026", "04/13/2026"], DateOrder.DAY_FIRST, dt.date(2026, 3, 4), False),
        (["3/3/26"], None, dt.date(2026, 3, 3), False),
        (["3.4.2026"], None, dt.date(2026, 4, 3), False),
        (["2026-04-03"], None, dt.date(2026, 4, 3), False),
        (["April 3, 2026"], None, dt.date(2026, 4, 3), False),
    ],
)
def test_dates_are_read_as_the_file_itself_says_else_as_chosen(dates, order, first, ambiguous):
    rows = "".join(f'"{date}",Lunch,100\n' for date in dates)

    reading = read(f"Date,Meal,Calories\n{rows}", order=order)

    assert (reading.entries[0].day, reading.ambiguous) == (first, ambiguous)


# --- What is not understood ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2026-02-30,Lunch,100", "not a date: “2026-02-30”"),
        (",Lunch,100", "not a date: “”"),
        ("1066-10-14,Lunch,100", "not a date: “1066-10-14”"),
        ("2026-01-05,Lunch,many", "not a number: “many”"),
        ("2026-01-05,Lunch,-5", "Energy of -5 is impossible"),
        ("2026-01-05,Lunch,9999999", "Energy of 9999999 is impossible"),
        ("2026-01-05,Lunch,", "no figures"),
        ("2026-01-05,Lunch,n/a", "no figures"),
        ("2026-01-05,Daily Totals,100", "a sum of other lines"),
        ("2026-01-05,Lunch,100,and more", "more cells than the first line has"),
    ],
)
def test_line_that_is_not_understood_is_told_with_its_number(row, why):
    reading = read(f"Date,Meal,Calories\n\n2026-01-04,Lunch,1\n{row}\n")

    assert [(each.line, each.why) for each in reading.complaints] == [(4, why)]
    assert len(reading.entries) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"Name,Weight\nx,1\n", b"\x89PNG\r\n\x1a\n\x00\x00", b"\xff\xfeD", b"Date,Meal\n",
     b'Date,Meal,Calories\n2026-01-05,"' + b"x" * 200_000],
)  # fmt: skip
def test_file_that_is_none_of_these_is_a_sentence(data):
    with pytest.raises(NotUnderstood) as refused:
        read_foreign(data)

    assert str(refused.value).endswith(".")


# --- Into the diary -----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_entries_become_quick_adds_behind_what_was_there():
    user = make_user()
    make_item(make_meal(user, day=dt.date(2026, 1, 5)), position=4)

    added = add_entries(user, read(MFP).entries)

    rows = MealItem.objects.owned_by(user).order_by("meal__name", "position")
    assert [(row.meal.name, row.name, row.position, row.product) for row in rows] == [
        ("Pre-workout", "Pre-workout", 0, None),
        ("breakfast", "Nut spread", 4, None),
        ("breakfast", "Breakfast", 5, None),
    ]  # fmt: skip
    assert (len(added.done.items), added.repeated) == (2, 0)


@pytest.mark.django_db
def test_same_file_again_adds_nothing_and_two_equal_lines_stay_two():
    user, text = make_user(), MFP + MFP.splitlines()[1] + "\n"

    first, second = add_entries(user, read(text).entries), add_entries(user, read(text).entries)

    assert (len(first.done.items), first.repeated) == (3, 0)
    assert (len(second.done.items), second.repeated, second.done.undo) == (0, 3, None)
    assert MealItem.objects.owned_by(user).count() == 3


@pytest.mark.django_db
def test_longer_file_adds_only_what_is_new():
    user, longer = make_user(), MFP + "2026-01-06,Lunch,700,,,,,,,,,,,,,,,,,\n"
    add_entries(user, read(MFP).entries)

    new = new_entries(user, read(longer).entries)

    assert [entry.day for entry in new] == [dt.date(2026, 1, 6)]


@pytest.mark.django_db
def test_whole_import_is_undone_at_once():
    user = make_user()
    kept = make_item(make_meal(user, day=dt.date(2026, 1, 5)))
    done = add_entries(user, read(MFP).entries).done

    assert done.undo is not None
    days = diary.undo(user, done.undo.pk, now=timezone.now())

    assert days == [dt.date(2026, 1, 5)]
    assert list(MealItem.objects.owned_by(user)) == [kept]


@pytest.mark.django_db
def test_meal_that_would_be_too_long_is_refused_and_nothing_is_written():
    user, rows = make_user(), "".join(f"2026-01-05,Lunch,{number}\n" for number in range(201))

    with pytest.raises(Refused):
        add_entries(user, read(f"Date,Meal,Calories\n2026-01-04,Lunch,5\n{rows}").entries)

    assert MealItem.objects.owned_by(user).count() == 0


@pytest.mark.django_db
def test_nobody_else_s_entries_count_as_there():
    add_entries(make_user(), read(MFP).entries)

    assert len(add_entries(make_user(), read(MFP).entries).done.items) == 2
