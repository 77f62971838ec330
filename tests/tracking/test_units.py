"""Units: what is typed in one's own unit is kept in kilograms or centimetres, and shows the same again."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from dietintel.accounts.models import User
from tests.factories import make_user
from tracking import units
from tracking.models import Profile
from tracking.units import Units, Unreadable, parse_length, parse_weight

KILOGRAMS = st.decimals(min_value=2, max_value=650, places=1)
POUNDS = st.decimals(min_value=5, max_value=1400, places=1)
INCHES = st.decimals(min_value=1, max_value=110, places=1)


# --- Typing -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "unit", "kilograms"),
    [
        ("72.4", "kg", "72.400"),
        ("72,4", "kg", "72.400"),
        (" 72.4 kg ", "kg", "72.400"),
        ("72.4kg", "lb", "72.400"),
        ("72½", "kg", "72.500"),
        ("160", "lb", "72.575"),
        ("160 lbs", "kg", "72.575"),
        ("11 st 4", "st", "71.668"),
        ("11 st 4.5 lb", "st", "71.894"),
        ("11st4,5", "kg", "71.894"),
        ("11 stone 4½ pounds", "kg", "71.894"),
        ("11 4.5", "st", "71.894"),
        ("11 st", "kg", "69.853"),
        ("11.5", "st", "73.028"),
        ("11 ST 0 LB", "st", "69.853"),
    ],
)
def test_weight_as_people_type_it(text, unit, kilograms):
    assert parse_weight(text, unit) == Decimal(kilograms)


@pytest.mark.parametrize("unit", ["kg", "lb", "st"])
@pytest.mark.parametrize(
    "text", ["", "heavy", "-72", "7 2.4 kg 3", "72.4.1", "1e2", "nan", "11 st 4 kg", "st 4", "7" * 60 + "x"]
)
def test_what_is_no_weight_is_said_with_an_example(text, unit):
    with pytest.raises(Unreadable) as error:
        parse_weight(text, unit)

    assert error.value.sentence.startswith("Enter a weight like ")


def test_more_pounds_than_a_stone_has_are_a_mistake():
    with pytest.raises(Unreadable, match="14 pounds"):
        parse_weight("11 st 14", "st")


@pytest.mark.parametrize(
    ("text", "unit", "centimetres"),
    [
        ("171.5", "cm", "171.5"),
        ("1,80 m", "cm", "180.0"),
        ("71", "in", "180.3"),
        ("71 in", "cm", "180.3"),
        ("5'11\"", "cm", "180.3"),
        ("5’11”", "in", "180.3"),
        ("5′ 11″", "in", "180.3"),
        ("5 ft 11", "in", "180.3"),
        ("5 ft 11½ in", "in", "181.6"),
        ("5 feet", "in", "152.4"),
        ("6ft", "cm", "182.9"),
    ],
)
def test_length_as_people_type_it(text, unit, centimetres):
    assert parse_length(text, unit) == Decimal(centimetres)


@pytest.mark.parametrize("text", ["", "tall", "-3", "5 ft 11 cm", "ft 5"])
def test_what_is_no_length_is_said_with_an_example(text):
    with pytest.raises(Unreadable, match=r"Enter a length like 5 ft 7\.5\."):
        parse_length(text, "in")


def test_more_inches_than_a_foot_has_are_a_mistake():
    with pytest.raises(Unreadable, match="12 inches"):
        parse_length("5 ft 12", "in")


@given(st.text(max_size=60), st.sampled_from(["kg", "lb", "st"]))
def test_any_text_is_a_weight_or_refused_with_a_sentence(text, unit):
    try:
        kilograms = parse_weight(text, unit)
    except Unreadable:
        kilograms = None

    assert kilograms is None or kilograms >= 0


# --- Round trip -------------------------------------------------------------------------------------------------
@given(KILOGRAMS)
def test_typed_kilograms_show_the_same(kilograms):
    kept = parse_weight(str(kilograms), "kg")

    assert units.weight_text(kept, "kg") == f"{kilograms}\u00a0kg"


@given(POUNDS)
def test_typed_pounds_show_the_same_after_being_kept_in_kilograms(pounds):
    kept = parse_weight(str(pounds), "lb")

    assert units.weight_text(kept, "lb") == f"{pounds}\u00a0lb"


@given(st.integers(min_value=1, max_value=100), st.decimals(min_value=0, max_value="13.9", places=1))
def test_typed_stones_show_the_same_after_being_kept_in_kilograms(stones, pounds):
    kept = parse_weight(f"{stones} st {pounds}", "st")

    assert units.weight_text(kept, "st") == f"{stones}\u00a0st\u00a0{pounds}\u00a0lb"


@given(INCHES)
def test_typed_inches_show_the_same_after_being_kept_in_centimetres(inches):
    kept = parse_length(str(inches), "in")

    assert units.length_text(kept, "in") == f"{inches}\u00a0in"


@given(KILOGRAMS, st.sampled_from(["kg", "lb", "st"]), st.sampled_from(["en", "de"]))
def test_what_a_field_shows_is_read_back_as_the_same_weight(kilograms, unit, language):
    with translation.override(language):
        typed = units.weight_typed(kilograms, unit)

        assert units.weight_typed(parse_weight(typed, unit), unit) == typed


@given(st.decimals(min_value=50, max_value=280, places=1), st.sampled_from(["cm", "in"]))
def test_what_a_field_shows_is_read_back_as_the_same_height(centimetres, unit):
    typed = units.height_typed(centimetres, unit)

    assert units.height_typed(parse_length(typed, unit), unit) == typed


def test_pounds_that_round_to_a_whole_stone_are_the_next_stone():
    almost = units.kept_kg(units.kg_from_lb(Decimal("153.97")))  # 10 st 13.97 lb

    assert units.weight_text(almost, "st") == "11\u00a0st\u00a00.0\u00a0lb"


@given(st.decimals(min_value=0, max_value=20_000, places=0))
def test_kilojoules_typed_are_the_kilojoules_shown(kilojoules):
    kcal = units.kcal_of(kilojoules, "kJ")

    assert units.energy_in(kcal, "kJ").quantize(Decimal(1)) == kilojoules


# --- Showing ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kilograms", "unit", "shown"),
    [("-0.42", "kg", "−0.4 kg"), ("0.42", "lb", "+0.9 lb"), ("1", "st", "+2.2 lb"), ("-0.04", "kg", "0.0 kg")],
)
def test_a_difference_has_its_sign(kilograms, unit, shown):
    assert units.weight_change_text(Decimal(kilograms), unit) == shown.replace(" ", "\u00a0")


def render(text, user, **values):
    shown = Template("{% load units %}" + text).render(Context({"user": user, **values}))
    return shown.replace("\u00a0", " ")


def imperial():
    profile = Profile(weight_unit="st", length_unit="in", energy_unit="kJ")
    user = User(username="ada")
    user.profile = profile
    return user


def test_pages_show_each_in_the_readers_unit():
    shown = render(
        "{% energy kcal %}|{% energy kcal at_least=True %}|{% weight kg %}|{% length cm %}|{% height cm %}|"
        "{% energy_unit %}",
        imperial(),
        kcal=Decimal("161.7"),
        kg=Decimal("71.668"),
        cm=Decimal("180.3"),
    )

    assert shown.split("|") == [
        '<span class="figure">677<span class="unit"> kJ</span></span>',
        '<span class="figure">≥ 677<span class="unit"> kJ</span></span>',
        '<span class="figure">11 st 4.0 lb</span>',
        '<span class="figure">71.0 in</span>',
        '<span class="figure">5 ft 11.0 in</span>',
        "kJ",
    ]


def test_nobody_reads_kilograms_and_kilocalories():
    shown = render("{% weight kg %} {% energy_unit %}", AnonymousUser(), kg=Decimal("71.668"))

    assert shown == '<span class="figure">71.7 kg</span> kcal'


@pytest.mark.parametrize("tag", ["energy", "weight", "length", "height"])
def test_what_is_unknown_is_a_dash_and_never_0(tag):
    shown = render(f"{{% {tag} nothing %}}", AnonymousUser(), nothing=None)

    assert "–" in shown
    assert "0" not in shown


@pytest.mark.django_db
@pytest.mark.parametrize("with_profile", [True, False])
def test_units_are_read_once_for_each_user(with_profile, django_assert_max_num_queries):
    user = make_user()
    if with_profile:
        Profile.objects.create(user=user, weight_unit="lb")
    fresh = User.objects.get(pk=user.pk)

    with django_assert_max_num_queries(1):
        found = [units.units_of_person(fresh) for _ in range(5)]

    assert found == [Units(weight="lb" if with_profile else "kg")] * 5
