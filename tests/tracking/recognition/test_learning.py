"""What training learns, keeps and is judged by; the rates are measured by benchmarks/recognition.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dishes import DISHES, photo, photo_file
from tests.factories import make_user
from tests.tracking.confirmed import make_recogniser, taught
from tests.tracking.recognition.pieces import NOW, picture_of
from tracking.models import Example
from tracking.recognition import features, variants
from tracking.recognition.evaluation import Figures, better, divided, evaluate
from tracking.recognition.features import of_image
from tracking.recognition.learning import train
from tracking.recognition.personal import PersonalModel, PersonalStage, Sample
from tracking.recognition.weights import Weights
from tracking.runs.training import TrainRecogniser
from tracking.services.photos import Seen
from workflows import engine
from workflows.execution import work_on

SOUP = next(dish for dish in DISHES if dish.name == "Tomato soup")
numbers = st.floats(-100, 100, width=32)


def dish(name):
    return frozenset({("name", name)})


def sample(name, *looks):
    return Sample(np.array(looks, np.float32), dish(name))


# --- What is kept -----------------------------------------------------------------------------------------------
@given(st.integers(1, 8).flatmap(lambda side: st.lists(numbers, min_size=side * side, max_size=side * side)))
def test_weights_come_back_as_they_were_kept(values):
    side = int(len(values) ** 0.5)
    matrix = np.array(values).reshape(side, side)
    weights = Weights(((matrix + matrix.T) / 2).astype(np.float32).astype(np.float64))

    assert np.array_equal(Weights.unpacked(weights.packed()).scatter, weights.scatter)


@pytest.mark.parametrize(
    "kept", [b"", b"x", b"\0" * 8, np.array([np.nan], "<f4").tobytes(), Weights(np.eye(3)).packed()[:-4]]
)
def test_what_was_never_written_is_no_weights(kept):
    with pytest.raises(ValueError):  # noqa: PT011 (NumPy says some of them in its own words)
        Weights.unpacked(kept)


# --- What is learned --------------------------------------------------------------------------------------------
def test_variants_are_the_same_each_time_and_like_the_photo_rather_than_like_another_dish():
    image = photo(SOUP, 1)
    seen, other = of_image(image), of_image(photo(DISHES[0], 1))

    made = variants.of_picture(image, seed="a")

    assert np.array_equal(made, variants.of_picture(image, seed="a"))
    assert len(made) == variants.COUNT
    assert len(np.unique(made, axis=0)) == variants.COUNT
    assert all(np.linalg.norm(made - seen, axis=1) < np.linalg.norm(made - other, axis=1))


def test_what_varies_with_the_light_does_not_tell_dishes_apart_any_more():
    """Two dishes differ in the first number; the second is all light, and says the opposite."""
    known = [sample("soup", 0, 0), sample("stew", 1, 1)]
    seen = np.array([0.1, 0.9], np.float32)
    light = train([np.array([[0.0, 2.0]]), np.array([[0.0, -2.0]])])

    untrained, trained = (PersonalModel(known, each).near(seen).dishes[0] for each in (None, light))

    assert untrained in {dish("soup"), dish("stew")}  # as near to one as to the other
    assert trained == dish("soup")


def test_without_any_file_left_there_is_nothing_but_zeros_to_learn():
    none = np.empty((0, 4), np.float32)

    assert np.array_equal(train([none, none]).scatter, np.zeros((4, 4)))


# --- How it is judged -------------------------------------------------------------------------------------------
@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60))
def test_of_every_dish_the_latest_quarter_is_held_out_and_the_rest_is_learned_from(names):
    samples = [sample(name, place) for place, name in enumerate(names)]

    kept, held_out = divided(samples)

    assert sorted([*kept, *held_out]) == list(range(len(names)))
    for name in set(names):
        places = [place for place, each in enumerate(names) if each == name]
        ours = [place for place in held_out if names[place] == name]
        assert ours == (places[: max(1, len(places) // 4)] if len(places) >= 3 else [])


def test_figures_count_right_sure_and_wrong_answers_to_both_questions():
    known = [sample(name, *looks) for name, looks in (("a", (0, 0)), ("b", (9, 0)), ("c", (0, 9)), ("d", (9, 9)))] * 3
    new = [sample("a", 0.01, 0.02), sample("b", 0.02, 0.01)]  # the second looks like "a"

    found = evaluate(known, new, None)

    assert (found.figures.photos, found.figures.right, found.figures.sure) == (2, 1, 1)
    assert found.figures.wrong_sure == 2  # "b" taken for "a"; and that it still is when "b" was never confirmed
    assert found.mistaken == {(dish("a"), dish("a")): 1, (dish("b"), dish("a")): 1}
    assert found.figures.log_loss > 1


@pytest.mark.parametrize(
    ("log_loss", "wrong_sure", "wins"), [(0.4, 1, True), (0.5, 1, False), (0.6, 0, False), (0.1, 2, False)]
)
def test_better_is_less_surprised_without_one_more_sure_mistake(log_loss, wrong_sure, wins):
    before = Figures(photos=8, right=7, sure=5, wrong_sure=1, log_loss=0.5)

    assert better(Figures(photos=8, right=8, sure=8, wrong_sure=wrong_sure, log_loss=log_loss), before) is wins


# --- In use -----------------------------------------------------------------------------------------------------
def look(user, number):
    return PersonalStage().look(picture_of(photo_file(SOUP, number), user))


@pytest.mark.django_db
def test_what_is_confirmed_after_the_training_counts_at_once():
    user = make_user()
    make_recogniser(user, scatter=np.zeros((174, 174)))
    photos = [picture_of(photo_file(DISHES[0], 1), user).photo, picture_of(photo_file(SOUP, 1), user).photo]
    taught(photo=photos[0], foods=[Seen(name="Salad")], now=NOW)
    before = [each.name for each in look(user, 2)]

    taught(photo=photos[1], foods=[Seen(name="Soup")], now=NOW)

    assert (before, look(user, 2)[0].name) == (["Salad"], "Soup")


@pytest.mark.django_db
def test_weights_that_were_learned_are_what_the_stage_recognises_with():
    user = make_user()
    for number, each in enumerate((SOUP, DISHES[0])):
        taught(photo=picture_of(photo_file(each, 1), user).photo, foods=[Seen(name=str(number))], now=NOW)
    untrained = look(user, 2)
    one, other = (features.unpacked(bytes(each.features)) for each in Example.objects.all())
    make_recogniser(user, scatter=1e6 * np.outer(one - other, one - other))  # all that tells them apart is the light

    assert untrained[0].confidence > 0.8
    assert look(user, 2)[0].confidence < 0.8


@pytest.mark.django_db
def test_photo_whose_numbers_are_of_an_older_kind_is_looked_at_again():
    user = make_user()
    taught(photo=picture_of(photo_file(SOUP, 1), user).photo, foods=[Seen(name="Soup")], now=NOW)
    example = Example.objects.get()
    now = bytes(example.features)
    Example.objects.update(version=features.VERSION + 1, features=b"\0" * len(now))

    run = engine.start(TrainRecogniser, input={"user_id": user.pk}, user=user, now=NOW)
    for name in ("collect", "features"):
        work_on(run.steps.get(name=name).pk)
    said = run.steps.get(name="features").output

    example.refresh_from_db()
    assert said == {"photos": 1, "renewed": 1, "left_out": 0}
    assert (example.version, bytes(example.features)) == (features.VERSION, now)
