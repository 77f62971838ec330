"""Training as a run: what it learns from, when what it learned is used, and that a worker may die anywhere in it."""

import datetime as dt

import numpy as np
import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from tests.factories import make_user
from tests.tracking.confirmed import BLIND, NOON, PLAIN, confirmed, damage, make_recogniser
from tests.workflows.test_crash_points import POINTS, crashed_everywhere, work_off
from tests.workflows.test_crash_points import result as outcome
from tracking.errors import Conflict, Refused
from tracking.models import Example, Recogniser
from tracking.recognition import features
from tracking.recognition.personal import weights_of
from tracking.recognition.weights import Weights
from tracking.runs.training import TrainRecogniser, TrainRecognisers
from tracking.services import recognisers
from tracking.services.recognisers import (
    ENOUGH_NEW,
    LEAST_PHOTOS,
    activate,
    forget,
    keep_candidate,
    start_training,
    version_in_use,
)
from workflows import cleaning, engine, execution
from workflows.models import Run
from workflows.states import RunState

pytestmark = pytest.mark.django_db
State = Recogniser.State


def trained(user):
    run = start_training(user=user, now=timezone.now())
    work_off(run)
    return Run.objects.get(pk=run.pk)


def work_one(step):
    execution.work_on(step.pk)


def scatter_of(user):
    """Of the version in use."""
    weights = weights_of(user)
    assert weights is not None
    return weights.scatter


def states(user):
    return dict(Recogniser.objects.owned_by(user).order_by("version").values_list("version", "state"))


# --- What is learned, and when it is used -----------------------------------------------------------------------
def test_what_is_better_on_photos_it_has_not_seen_takes_the_place_of_what_is_in_use():
    user = make_user()
    confirmed(user)
    make_recogniser(user, scatter=BLIND)

    run = trained(user)

    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert (run.result["version"], run.result["better"], run.result["photos"]) == (2, True, 5)
    assert states(user) == {1: State.RETIRED, 2: State.ACTIVE}
    row = Recogniser.objects.get(version=2)
    assert row.run == run
    assert not np.array_equal(scatter_of(user), BLIND)
    assert row.figures["learned_from"] == 15
    assert row.figures["log_loss"] < row.figures["before"]["log_loss"]
    assert row.figures["foods"] == [[f"meal {number}", f"meal {number}", 1] for number in range(5)]


def test_what_is_no_better_is_kept_with_its_figures_and_not_used():
    user = make_user()
    confirmed(user)
    trained(user)
    in_use = scatter_of(user)

    run = trained(user)

    assert (run.state, run.result["better"]) == (RunState.COMPLETED, False)
    assert states(user) == {1: State.ACTIVE, 2: State.REJECTED}
    figures = Recogniser.objects.get(version=2).figures
    assert (figures["against"], figures["log_loss"]) == (1, figures["before"]["log_loss"])
    assert np.array_equal(scatter_of(user), in_use)


def test_photos_that_are_held_out_are_the_latest_of_each_meal_and_teach_nothing():
    user = make_user()
    examples = confirmed(user, dishes=4, photos=8)
    run = start_training(user=user, now=timezone.now())

    work_off(run)

    train = run.steps.get(name="train").output or {}
    latest = {each.pk for each in examples[-8:]}  # two of each of the four
    assert set(train["held_out"]) == latest
    assert set(train["learned_from"]) == {each.pk for each in examples} - latest


def test_no_step_hands_on_the_name_of_a_food():
    user = make_user()
    confirmed(user)

    run = trained(user)

    assert "meal" not in repr([step.output for step in run.steps.all()] + [run.input, run.result, run.error])


def test_version_that_came_into_use_meanwhile_stays():
    user = make_user()
    confirmed(user)
    make_recogniser(user, scatter=BLIND)
    make_recogniser(user, version=2, state=State.RETIRED, scatter=PLAIN)
    run = start_training(user=user, now=timezone.now())
    for name in ("collect", "features", "train", "evaluate"):
        work_one(run.steps.get(name=name))
    activate(user=user, version=2, by="ada")

    work_off(run)

    assert states(user) == {1: State.RETIRED, 2: State.ACTIVE, 3: State.REJECTED}


def test_photos_of_older_features_whose_files_are_gone_are_left_out_and_counted():
    user = make_user()
    examples = confirmed(user, dishes=5, photos=4)
    Example.objects.filter(pk__in=[each.pk for each in examples[:2]]).update(version=features.VERSION + 1)

    run = trained(user)

    assert run.state == RunState.COMPLETED
    assert run.steps.get(name="features").output == {"photos": 20, "renewed": 0, "left_out": 2}


def test_training_without_enough_photos_is_refused_with_what_is_missing():
    user = make_user()
    confirmed(user, dishes=3, photos=3)

    with pytest.raises(Refused, match="12 confirmed photos of 4 different meals; there are 9 of 3"):
        start_training(user=user, now=timezone.now())

    assert not Run.objects.exists()


def test_second_training_while_one_is_under_way_is_the_same_one():
    user = make_user()
    confirmed(user)

    assert start_training(user=user, now=NOON) == start_training(user=user, now=NOON)


def test_photos_that_are_deleted_while_it_learns_end_it_with_a_sentence():
    user = make_user()
    confirmed(user)
    make_recogniser(user)
    run = start_training(user=user, now=timezone.now())
    for name in ("collect", "features", "train"):
        work_one(run.steps.get(name=name))
    Example.objects.owned_by(user).delete()

    work_off(run)

    run.refresh_from_db()
    assert (run.state, states(user)) == (RunState.FAILED, {1: State.ACTIVE, 2: State.CANDIDATE})
    assert "The photos to learn from were deleted meanwhile." in run.steps.get(name="evaluate").error


def test_cancelled_training_leaves_what_was_in_use():
    user = make_user()
    confirmed(user)
    make_recogniser(user)
    run = start_training(user=user, now=timezone.now())

    engine.cancel(run, by="ada", now=timezone.now())

    work_off(run)
    assert Run.objects.get().state == RunState.CANCELLED
    assert states(user) == {1: State.ACTIVE}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", POINTS)
def test_worker_that_dies_at_any_step_changes_nothing_in_the_end(point):
    user = make_user()
    confirmed(user)
    make_recogniser(user, version=7, scatter=BLIND)
    calm = start_training(user=user, now=timezone.now())
    work_off(calm)
    expected, weights = outcome(calm), learned(user)
    Recogniser.objects.owned_by(user).filter(version=8).delete()
    Recogniser.objects.owned_by(user).update(state=State.ACTIVE)
    Group.objects.all().delete()

    run = crashed_everywhere(TrainRecogniser, {"user_id": user.pk}, point)

    assert outcome(run) == expected
    assert learned(user) == weights
    assert states(user) == {7: State.RETIRED, 8: State.ACTIVE}


def learned(user):
    return list(Recogniser.objects.owned_by(user).order_by("version").values_list("version", "sha256", "figures"))


# --- By itself --------------------------------------------------------------------------------------------------
def test_once_a_day_it_starts_for_people_with_enough_new_photos():
    many, few, trained_since, too_alike = (make_user() for _ in range(4))
    confirmed(many)
    confirmed(few, dishes=4, photos=2)
    confirmed(trained_since)
    make_recogniser(trained_since, created_at=NOON + dt.timedelta(days=1))
    confirmed(too_alike, dishes=2, photos=10)
    run = engine.start(TrainRecognisers, now=timezone.now())

    work_off(run)

    begun = Run.objects.filter(workflow="train_recogniser")
    assert [(each.user, each.input) for each in begun] == [(many, {"user_id": many.pk})]
    assert Run.objects.get(pk=run.pk).result == {"people": 2, "begun": 1}
    assert TrainRecognisers.every == dt.timedelta(days=1)


def test_new_photos_since_the_last_training_count_whatever_came_of_it():
    user = make_user()
    make_recogniser(user, state=State.REJECTED, created_at=NOON)
    confirmed(user, dishes=ENOUGH_NEW - 1, photos=1, since=NOON + dt.timedelta(hours=1))
    before = recognisers.to_be_trained()
    confirmed(user, dishes=1, photos=1, since=NOON + dt.timedelta(hours=2))

    assert (before, recognisers.to_be_trained()) == ([], [user.pk])


# --- Versions ---------------------------------------------------------------------------------------------------
def test_roll_back_takes_an_earlier_version_into_use_and_training_may_be_done_without():
    user = make_user()
    make_recogniser(user, version=1, state=State.RETIRED, scatter=PLAIN)
    make_recogniser(user, version=2, scatter=BLIND)

    activate(user=user, version=1, by="ada")
    first = scatter_of(user)
    activate(user=user, version=0, by="ada")

    assert np.array_equal(first, PLAIN)
    assert weights_of(user) is None
    assert states(user) == {1: State.RETIRED, 2: State.RETIRED}


def test_roll_back_is_written_to_the_log_with_who_asked(caplog):
    user = make_user()
    make_recogniser(user, state=State.RETIRED)

    activate(user=user, version=1, by="ada")

    assert caplog.messages == [f"recogniser 1 of person {user.pk} is in use again: asked for by ada"]


def test_damaged_version_is_not_used(caplog):
    user = make_user()
    damage(make_recogniser(user))

    assert (weights_of(user), version_in_use(user)) == (None, 0)
    assert "damaged" in caplog.text


def test_version_of_other_features_is_not_used():
    user = make_user()
    make_recogniser(user, features=features.VERSION + 1)

    assert weights_of(user) is None


def test_all_that_was_learned_can_be_deleted_even_while_it_is_being_learned():
    user, other = make_user(), make_user()
    confirmed(user)
    confirmed(other)
    make_recogniser(user)
    make_recogniser(other)
    run = start_training(user=user, now=timezone.now())

    forget(user=user, by="ada", now=timezone.now())

    work_off(run)
    assert Run.objects.get(pk=run.pk).state == RunState.CANCELLED
    assert {row.user for row in Recogniser.objects.all()} == {other}
    assert {row.user for row in Example.objects.all()} == {other}


def test_training_that_has_not_heard_yet_that_all_is_forgotten_leaves_nothing():
    user = make_user()
    confirmed(user)
    run = start_training(user=user, now=timezone.now())
    forget(user=user, by="ada", now=timezone.now())

    with pytest.raises(Conflict):
        keep_candidate(user=user, run_id=run.pk, weights=Weights(BLIND), now=timezone.now())

    assert not Recogniser.objects.exists()


def test_version_that_came_into_use_since_another_was_seen_damaged_stays():
    user = make_user()
    make_recogniser(user, version=1, state=State.RETIRED)
    damaged = make_recogniser(user, version=2)
    Recogniser.objects.filter(pk=damaged.pk).update(state=State.RETIRED)
    make_recogniser(user, version=3)

    assert recognisers.fall_back(damaged, by="a remedy") == 3
    assert states(user) == {1: State.RETIRED, 2: State.RETIRED, 3: State.ACTIVE}


def test_ten_versions_are_kept_beside_the_one_in_use():
    user, other = make_user(), make_user()
    make_recogniser(user, version=1)
    for version in range(2, 15):
        make_recogniser(user, version=version, state=State.RETIRED)
    make_recogniser(other, version=1, state=State.RETIRED)
    (rule,) = (each for each in cleaning.rules() if each.name == "recognisers beyond the last ten")

    cleaning.clean(rule, now=timezone.now())

    assert sorted(states(user)) == [1, *range(5, 15)]
    assert sorted(states(other)) == [1]


def test_least_photos_are_as_many_as_the_held_out_ones_need():
    assert LEAST_PHOTOS >= recognisers.LEAST_HELD_OUT * 3
