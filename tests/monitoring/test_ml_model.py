"""What reads photos meets real trouble: a file that is no network, weights with a flipped bit."""

import pytest

from monitoring.health import checks, healing
from monitoring.health.conditions import Status
from monitoring.health.ml_model import MlModel, PreviousRecogniser, ReloadModel
from monitoring.health.watched import all_watched
from monitoring.models import HealAttempt
from tests.factories import make_user
from tests.tracking.confirmed import PLAIN, damage, make_recogniser
from tracking.models import Recogniser
from tracking.recognition import features
from tracking.recognition.personal import weights_of

pytestmark = pytest.mark.django_db(transaction=True)  # remedies work in threads
State = Recogniser.State


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.MODEL_PATH, settings.FOOD_MAPPING_PATH = tmp_path / "model.onnx", tmp_path / "food_mapping.json"
    return tmp_path


def look():
    return checks.measure(MlModel())


def found():
    result = look()
    return result.status, result.message


def mended():
    tries = healing.mend("ml_model", (ReloadModel, PreviousRecogniser), look=look)
    return [(each.heal, each.outcome, each.note) for each in tries]


def states():
    return dict(Recogniser.objects.values_list("version", "state"))


def test_without_a_network_and_without_training_there_is_nothing_to_look_at():
    assert found() == (Status.DISABLED, "There is no model for reading photos.")


def test_recognisers_that_are_as_they_were_written_are_well():
    make_recogniser(make_user())
    make_recogniser(make_user(), features=features.VERSION + 1)  # not damaged: it waits for the next training

    result = look()

    assert (result.status, dict(result.details)) == (Status.HEALTHY, {"recognisers": 2, "damaged": 0})


def test_file_that_is_no_network_is_unhealthy_and_only_staff_are_told_why(settings):
    settings.MODEL_PATH.write_bytes(b"no network")
    settings.FOOD_MAPPING_PATH.write_text('{"pizza": {"search": "pizza"}}')

    result = look()

    assert (result.status, result.message) == (Status.UNHEALTHY, "The model for reading photos cannot be used.")
    assert result.details["error"]
    assert [(heal, outcome) for heal, outcome, _note in mended()] == [
        ("reload_model", HealAttempt.Outcome.ERROR),
        ("previous_recogniser", HealAttempt.Outcome.NO_EFFECT),
    ]


def test_damaged_recogniser_gives_way_to_the_newest_earlier_one_that_is_whole():
    user = make_user()
    make_recogniser(user, version=1, state=State.RETIRED, scatter=PLAIN)
    damage(make_recogniser(user, version=2, state=State.RETIRED))
    damage(make_recogniser(user, version=3))
    ill = found()

    tries = mended()

    assert ill == (Status.UNHEALTHY, "1 of 1 recognisers in use are damaged.")
    assert tries[-1] == (
        "previous_recogniser",
        HealAttempt.Outcome.HEALED,
        "Took 1 damaged recogniser(s) out of use; an earlier version took the place of 1.",
    )
    assert states() == {1: State.ACTIVE, 2: State.RETIRED, 3: State.REJECTED}
    assert weights_of(user) is not None
    assert found()[0] == Status.HEALTHY


def test_damaged_recogniser_without_an_earlier_one_leaves_recognition_untrained():
    user = make_user()
    damage(make_recogniser(user))

    mended()

    assert states() == {1: State.REJECTED}
    assert weights_of(user) is None
    assert found()[0] == Status.DISABLED


def test_nobody_elses_recogniser_is_touched():
    other = make_recogniser(make_user(), version=5)
    damage(make_recogniser(make_user(), version=1))

    mended()

    assert states() == {5: State.ACTIVE, 1: State.REJECTED}
    assert Recogniser.objects.get(version=5).weights == other.weights


def test_it_is_watched_with_its_remedies():
    assert all_watched()["ml_model"].heals == (ReloadModel, PreviousRecogniser)
