"""Three suggestions at most, by the rule that is written in `tracking.insights.suggestions`."""

import re
from decimal import Decimal

from hypothesis import given, settings

from tests.tracking.insights.test_figures import some_entries
from tests.tracking.insights.weeks import AIM, DAYS, PLAIN, diary, entries, entry
from tracking.insights.figures import figures_of
from tracking.insights.suggestions import suggestions_of
from tracking.insights.words import WORDS, sentences
from tracking.targets import DayTarget
from tracking.units import KJ, Units

ENTRIES_OF = "/insights/2026-03-02/entries/"


def suggested(found=(), **changes):
    of = diary(found, **changes)
    return suggestions_of(of, figures_of(of))


def in_words(found=(), **changes):
    return [each.sentence.replace("\u00a0", " ") for each in sentences(suggested(found, **changes), Units())]


def test_plain_week_is_told_its_largest_excess_and_its_gaps_with_foods_that_were_eaten():
    """Salt 8/6 − 1 = 0.3333; fibre 1 − 18.33/25 = 0.2667; protein 26.67/100 = 0.2667, which a label names later.

    Soup had 24 of 48 g of salt; half of that is 12 g in six days. Bread, soup and cheese have a tenth of the salt, cake
    of the saturated fat, so they are not named for more: of apple (20 g in 500 kcal) and stew (21 g in 1000) apple has
    more fibre.
    """
    found = suggested(entries(PLAIN))

    assert [(each.code, dict(each.figures), each.link) for each in found] == [
        (
            "LESS",
            {
                "nutrient": "salt_g", "mean": "8", "at_least": False, "line": "6", "over": "2", "food": "Soup",
                "share": "0.5", "times": 2, "half_a_day": "2",
            },
            f"{ENTRIES_OF}?nutrient=salt_g&food=name%3ASoup",
        ),
        (
            "MORE",
            {
                "nutrient": "fiber_g", "mean": "18.3333", "at_least": False, "line": "25", "short": "6.6667",
                "food": "Apple", "times": 1, "each_time": "20",
            },
            f"{ENTRIES_OF}?nutrient=fiber_g&food=name%3AApple",
        ),
        (
            "MORE_TO_TARGET",
            {
                "nutrient": "protein_g", "mean": "73.3333", "at_least": False, "line": "100", "short": "26.6667",
                "food": "Stew", "times": 1, "each_time": "66",
            },
            f"{ENTRIES_OF}?nutrient=protein_g&food=name%3AStew",
        ),
    ]  # fmt: skip


def test_suggestions_are_plain_sentences_with_their_numbers():
    assert in_words(entries(PLAIN)) == [
        "Salt: 8.00 g a day on average, 2.00 g over the reference intake of 6.00 g. “Soup”, eaten 2 times, gave 50 % "
        "of it: half as much of that would be 2.00 g a day less.",
        "Fibre: 18 g a day on average, 6.7 g below the reference intake of 25 g. Of what you eat, “Apple” has most of "
        "it for its energy: 20 g each time.",
        "Protein: 73 g a day on average, 27 g below your target of 100 g. Of what you eat, “Stew” has most of it for "
        "its energy: 66 g each time.",
    ]


def test_energy_off_its_target_is_told_with_the_day_that_was_furthest_off():
    """2300, 2600, 2400, 2300: 400 above 2000 on average; Tuesday by 600."""
    kcal = zip(["Mon", "Tue", "Wed", "Thu"], [2300, 2600, 2400, 2300], strict=True)
    first, *_rest = suggested([entry(day, energy_kcal=each) for day, each in kcal], aim=DayTarget(Decimal(2000)))

    assert (first.code, first.link) == (
        "ENERGY_ABOVE", "/charts/?nutrient=energy_kcal&first=2026-03-02&last=2026-03-08",
    )  # fmt: skip
    assert first.figures == {
        "mean": "2400", "at_least": False, "target": "2000", "off": "400", "days": 4, "day": "2026-03-03",
        "day_off": "600",
    }  # fmt: skip
    (said,) = sentences([first], Units(energy=KJ))
    assert "10,042\u00a0kJ a day on average" in said.sentence


def test_energy_below_its_target_is_not_told_where_something_unknown_was_eaten():
    days = ["Mon", "Tue", "Wed", "Thu"]
    known = [entry(day, energy_kcal=1500) for day in days]

    assert suggested(known)[0].code == "ENERGY_BELOW"
    assert "ENERGY_BELOW" not in [each.code for each in suggested([*known, entry("Mon", "Tea")])]


def test_with_few_days_nothing_is_suggested_but_to_log():
    three = [row for row in entries(PLAIN) if row.day in {DAYS["Mon"], DAYS["Tue"], DAYS["Wed"]}]

    assert in_words(three) == [
        "Only 3 days of this week have entries. With four or more there is something to say about the week."
    ]
    assert in_words([entry("Tue", energy_kcal=800)]) == [
        "Only 1 day of this week has entries. With four or more there is something to say about the week."
    ]
    assert in_words() == [
        "Nothing is written down for this week. Write down what you eat on four days, and there is more to say."
    ]


FINE = "".join(f"{day} Dish 2000 100 70 15 250 50 25 5\n" for day in DAYS)


def test_week_in_which_nothing_stands_out_gets_no_suggestion():
    assert suggested(entries(FINE)) == []


def test_places_that_are_left_go_to_what_would_make_the_next_week_say_more():
    """Sunday is empty; of the curry's 400 of 2400 kcal nothing else is declared, so 83 % is covered: enough.

    Of 1000 of 3000 kcal it is not: 67 %.
    """
    six = [row for row in entries(FINE) if row.day != DAYS["Sun"]]

    assert in_words(six, aim=None) == [
        "Sunday 8 March has no entries. Written down afterwards, it makes the averages those of a whole week.",
        "You have no target. With one, each day and week shows how it stood to it.",
    ]
    little = [*entries(FINE), *(entry(day, "Curry", energy_kcal=400) for day in DAYS)]
    assert in_words(little, aim=DayTarget(Decimal(2400))) == []
    much = [*entries(FINE), *(entry(day, "Curry", energy_kcal=1000) for day in DAYS)]
    assert in_words(much, aim=DayTarget(Decimal(3000))) == [
        "Fat: what you ate declares it for 67 % of the energy only. The largest part without it is “Curry”: add the "
        "figure to that food, or choose an entry that has it."
    ]


def test_of_vitamins_and_minerals_only_the_largest_gap_takes_a_place():
    """Iron 7 of 14 mg, calcium 200 of 800 mg, magnesium 300 of 375 mg."""
    extra = {"iron_mg": 7, "calcium_mg": 200, "magnesium_mg": 300}
    main = {"energy_kcal": 2000, "protein_g": 100, "fat_g": 70, "saturated_fat_g": 15, "carbohydrates_g": 250,
            "sugars_g": 50, "fiber_g": 25, "salt_g": 5}  # fmt: skip

    found = suggested([entry(day, "Dish", **main, **extra) for day in DAYS])

    assert [(each.code, each.figures["nutrient"]) for each in found] == [("MORE", "calcium_mg")]


def test_food_that_gives_next_to_nothing_each_time_is_not_named_for_more():
    """10 of 25 g of fibre a day: 15 g are missing. Crumbs give 1 g each time, less than a tenth of that."""
    rows = [entry(day, "Crumbs", energy_kcal=10, fiber_g=1, protein_g=10) for day in DAYS for _time in range(10)]

    (first, *_rest) = suggested(rows, aim=None)

    assert (first.code, first.figures["nutrient"], first.figures["short"]) == ("MORE_OF_ALL", "fiber_g", "15")


def test_no_food_is_named_where_none_gave_a_tenth():
    """Twenty foods with 1.4 g of salt each, in four days: 7 g a day."""
    rows = [entry(day, f"Food {number}", energy_kcal=100, salt_g="1.4", fiber_g=0) for number, day in enumerate(
        ["Mon", "Tue", "Wed", "Thu"] * 5)]  # fmt: skip

    codes = [each.code for each in suggested(rows, aim=None)]

    assert codes == ["MORE_OF_ALL", "LESS_OF_ALL", "LOG_DAYS"]


@settings(max_examples=40)
@given(some_entries)
def test_three_at_most_each_in_words_and_only_foods_that_were_eaten(found):
    suggestions = suggested(found)

    said = sentences(suggestions, Units())
    assert len(said) == len(suggestions) <= 3
    assert {each.code for each in suggestions} <= WORDS.keys()
    assert {each.figures["food"] for each in suggestions if each.figures.get("food")} <= {each.name for each in found}
    assert all(each.link.startswith("/") for each in said)
    assert not any(re.search(r"%\(|\bNone\b", each.sentence) for each in said)


def test_a_target_is_what_counts_where_there_is_one():
    """Protein 80 g: enough for the reference of 50, and a fifth below the target of 100."""
    rows = [entry(day, "Dish", energy_kcal=2000, protein_g=80, fiber_g=30) for day in DAYS]

    assert [(each.code, each.figures.get("line")) for each in suggested(rows, aim=AIM)][:1] == [
        ("MORE_TO_TARGET", "100")
    ]
