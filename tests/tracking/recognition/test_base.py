import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.recognition.pieces import Says, some
from tracking.recognition.base import MOST_CANDIDATES, SURE, Candidate, Recognition, Unanswered, first_sure, merged

NO_PICTURE: Any = None  # these stages do not look
candidates = st.builds(
    Candidate,
    name=st.text(min_size=1, max_size=8),
    confidence=st.floats(0, 1),
    source=st.sampled_from(["personal", "vision"]),
    product=st.sampled_from(["", "one", "two"]),
    recipe=st.none() | st.integers(1, 3),
    barcode=st.sampled_from(["", "3017624010701"]),
    search=st.text(max_size=8),
    grams=st.none() | st.decimals(1, 2000, places=1),
    doubts=st.sampled_from([(), ("amount",)]),
)


def test_first_stage_that_is_sure_wins_and_the_rest_is_not_asked():
    unsure, sure, never = Says("a", some("Rice", 0.6)), Says("b", some("Soup", SURE), some("Stew", 0.3)), Says("c")

    found = first_sure([unsure, sure, never], NO_PICTURE)

    assert [each.name for each in found.candidates] == ["Soup"]
    assert found.sure_of == "b"
    assert never.asked == 0


def test_without_a_sure_stage_all_opinions_are_put_together_the_likeliest_first():
    found = first_sure([Says("a", some("Rice", 0.2)), Says("b", some("Soup", 0.9), some("Stew", 0.1))], NO_PICTURE)

    assert [each.name for each in found.candidates] == ["Soup", "Rice", "Stew"]
    assert found.sure_of == ""


def test_stages_that_cannot_answer_are_named_with_their_reasons():
    stages = [Says("a", cannot="off"), Says("b", cannot="trouble"), Says("c", some("Rice", 0.2)), Says("d")]

    found = first_sure(stages, NO_PICTURE)

    assert [(each.stage, each.reason) for each in found.unanswered] == [
        ("a", "off"), ("b", "trouble"), ("d", "unsure"),
    ]  # fmt: skip
    assert [each.stage for each in found.trouble] == ["b"]
    assert [each.name for each in found.candidates] == ["Rice"]


def test_food_that_two_stages_see_is_there_once_with_the_weight_of_the_one_that_knows_it():
    surer, weigher = some("Soup", 0.8), some(" SOUP", 0.4, grams=Decimal(300))

    assert merged([weigher, surer]) == (some("Soup", 0.8, grams=Decimal(300)),)


@given(st.lists(candidates, max_size=30))
def test_merging_keeps_each_food_once_in_order_and_invents_nothing(said):
    found = merged(said)

    keys = [each.key for each in found]
    assert len(set(keys)) == len(keys) <= MOST_CANDIDATES
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
    for each in found:
        same = [other for other in said if other.key == each.key]
        assert each.confidence == max(other.confidence for other in same)
        assert each.grams in {other.grams for other in same}
    if len({each.key for each in said}) <= MOST_CANDIDATES:
        assert set(keys) == {each.key for each in said}


@given(st.lists(candidates, max_size=5), st.sampled_from(["", "barcode"]))
def test_answer_survives_json(said, sure_of):
    answer = Recognition(tuple(said), sure_of, (Unanswered("vision", "trouble", "It took too long."),))

    assert Recognition.of(json.loads(json.dumps(answer.kept()))) == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (some("A", 1, product="x"), some("B", 1, product="x")),
        (some("A", 1, recipe=1), some("B", 1, recipe=1)),
        (some("A", 1, barcode="22007377"), some("B", 1, barcode="22007377")),
        (some("Crème  brûlée", 1), some("creme brulee", 1)),
    ],
)
def test_same_thing_under_two_names_is_one_food(one, other):
    assert len(merged([one, other])) == 1
