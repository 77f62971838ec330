"""What a week is told in sentences, each with where it can be looked up."""

import datetime as dt

from tests.tracking.insights.test_figures import before, weighed
from tests.tracking.insights.weeks import PLAIN, diary, entries, entry
from tracking.insights.telling import told
from tracking.insights.words import WORDS, sentences
from tracking.units import LB, Units


def findings(found=(), **changes):
    return sentences(told(diary(found, **changes)).findings, Units())


def in_words(found=(), **changes):
    return [each.sentence.replace("\u00a0", " ") for each in findings(found, **changes)]


def test_plain_week_is_told_with_where_each_figure_can_be_looked_up():
    found = findings(
        entries(PLAIN),
        before=before(dict.fromkeys(range(1, 29), 2200)),
        weighings=weighed((-1, "80"), (6, "79")),
        logged_in_a_row=2,
    )

    chart = "/charts/?nutrient={}&first=2026-03-02&last=2026-03-08".format
    eaten = "/insights/2026-03-02/entries/?nutrient={}".format
    assert [(each.sentence.replace("\u00a0", " "), each.link) for each in found] == [
        ("You wrote something down on 6 of 7 days: 12 entries.", "/calendar/2026-03/"),
        ("Energy: 2,017 kcal a day on average, over 6 days. Your target: 2,000 kcal.", chart("energy_kcal")),
        ("Protein: 73 g a day on average, over 6 days. Your target: 100 g.", chart("protein_g")),
        ("4 of 6 days were within a tenth of your target for energy.", chart("energy_kcal")),
        ("Protein: 2 of 6 days met your target.", chart("protein_g")),
        (
            "Energy: 183 kcal a day less than the week before (2,017 kcal against 2,200 kcal).",
            "/charts/?nutrient=energy_kcal&first=2026-02-23&last=2026-03-08",
        ),
        (
            "Energy: 183 kcal a day less than in the four weeks before (2,017 kcal against 2,200 kcal).",
            "/charts/?nutrient=energy_kcal&first=2026-02-02&last=2026-03-08",
        ),
        (
            "Energy: most came from “Bread”, eaten 6 times: 6,000 kcal of 12,100 kcal (50 %).",
            eaten("energy_kcal&food=name%3ABread"),
        ),
        ("Sugars: most came from “Cake”, eaten once: 120 g of 278 g (43 %).", eaten("sugars_g&food=name%3ACake")),
        ("Salt: most came from “Soup”, eaten 2 times: 24.00 g of 48.00 g (50 %).", eaten("salt_g&food=name%3ASoup")),
        (
            "Saturated fat: most came from “Cheese”, eaten once: 60 g of 130 g (46 %).",
            eaten("saturated_fat_g&food=name%3ACheese"),
        ),
        (
            "Over five weeks, weekends were like other days (2,110 kcal against 2,192 kcal).",
            "/charts/?nutrient=energy_kcal&first=2026-02-02&last=2026-03-08",
        ),
        (
            "Most energy came with this meal: Lunch, 100 % of the week's (12,100 kcal).",
            eaten("energy_kcal&meal=lunch"),
        ),
        (
            "Weight: your trend stood at 79.5 kg, −0.5 kg compared with a week before.",
            "/weight/?span=quarter",
        ),
    ]


def test_weight_is_told_in_the_units_of_the_reader():
    found = told(diary([], weighings=weighed((-1, "80"), (6, "79")))).findings
    (weight,) = [each for each in found if each.code == "WEIGHT_CHANGE"]

    (said,) = sentences([weight], Units(weight=LB))

    assert said.sentence == "Weight: your trend stood at 175.2\u00a0lb, −1.2\u00a0lb compared with a week before."


def test_thin_week_is_told_what_is_certain_and_no_averages():
    assert in_words() == ["You wrote something down on 0 of 7 days: 0 entries."]
    assert in_words([entry("Tue", energy_kcal=800)]) == ["You wrote something down on 1 of 7 days: 1 entry."]


def test_changes_are_not_told_between_figures_of_which_one_may_be_more():
    weeks = before(dict.fromkeys(range(1, 29), 2200), salt_g=5)

    known = in_words(entries(PLAIN), before=weeks)
    partly = in_words([*entries(PLAIN), entry("Mon", "Tea")], before=weeks)

    assert sum("week before" in each or "weeks before" in each for each in known) == 3  # energy twice, and salt
    assert "Salt: 3.00 g a day more than in the four weeks before (8.00 g against 5.00 g)." in known
    assert not [each for each in partly if "before" in each]


def test_days_that_cannot_be_judged_are_told_apart():
    """2300 and something is above 2000 for certain; 1900 and something may be near or above."""
    rows = [entry("Mon", energy_kcal=1900), entry("Tue", energy_kcal=2300), entry("Wed", energy_kcal=2000),
            entry("Thu", energy_kcal=2000), entry("Mon", "Tea"), entry("Tue", "Tea")]  # fmt: skip

    said = "2 of 3 days were within a tenth of your target for energy. "
    assert f"{said}For 1 more it cannot be said: something eaten does not declare it." in in_words(rows)


def test_hours_are_told_only_where_half_of_the_energy_has_a_time():
    rows = [entry(day, time=dt.time(19), energy_kcal=1000) for day in ("Mon", "Tue", "Wed", "Thu")]

    half = in_words([*rows, *(entry(row.day, "Late", energy_kcal=1000) for row in rows)])
    less = in_words([*rows, *(entry(row.day, "Late", energy_kcal=1001) for row in rows)])

    assert "Between 17:00 and 20:00 you ate 100 % of the energy that has a time." in half
    assert not [each for each in less if "Between" in each]


def test_every_statement_there_can_be_has_words():
    assert set(WORDS) >= {each.code for each in told(diary(entries(PLAIN))).findings}
