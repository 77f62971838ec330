"""The vision service: what it is sent, what is made of its answers, and all that it may do instead of answering."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dietintel.gateway.errors import GatewayMisuse
from dietintel.gateway.overview import configured
from dietintel.gateway.session import session
from tests.factories import make_product, make_user
from tests.pictures import encoded
from tests.tracking.recognition.pieces import NOW, picture_of
from tests.vision import PATH, FakeVision, content
from tracking.errors import Refused
from tracking.models import Profile
from tracking.recognition.base import SURE, CannotAnswer
from tracking.recognition.chain import recognise
from tracking.recognition.vision import LONGEST_NAME, MOST_FOODS, MOST_GRAMS, SCHEMA, Unusable, VisionStage, foods_in
from tracking.services.photos import agree_to_vision, withdraw_from_vision

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(settings):
    started = FakeVision()
    settings.VISION_BASE_URL, settings.VISION_MODEL, settings.VISION_API_KEY = started.url, "looker:7b", "secret"
    yield started
    session().close()
    started.stop()


def host(service):
    return f"127.0.0.1:{service.port}"


@pytest.fixture
def picture(service):
    """Of somebody who agreed."""
    user = make_user()
    agree_to_vision(user=user, host=host(service))
    return picture_of(Image.new("RGB", (1800, 1200), "red"), user)


def look(picture, **how):
    return VisionStage(**how).look(picture)


def why_not(picture, **how):
    with pytest.raises(CannotAnswer) as error:
        look(picture, **how)
    assert error.value.sentence.endswith(".")
    return error.value.reason, error.value.sentence


# --- A good answer --------------------------------------------------------------------------------------------------
def test_foods_come_with_weights_and_are_never_sure(service, picture):
    found = look(picture)

    assert [(each.name, each.grams) for each in found] == [
        ("Scrambled eggs", Decimal("120.0")), ("Strawberries", Decimal("60.5")), ("Bacon", None),
    ]  # fmt: skip
    assert all(each.confidence < SURE for each in found)
    assert all(each.search == each.name and not each.product for each in found)


def test_food_that_is_known_here_is_named_and_one_that_only_sounds_like_it_is_not(service, picture):
    strawberries = make_product(name="Strawberries, raw")
    make_product(name="Bakon crisps", barcode="22007377")

    found = {each.name: each.product for each in recognise(picture.photo, picture.user, NOW).candidates}

    assert found["Strawberries"] == str(strawberries.uuid)
    assert found["Bacon"] == ""


def test_service_gets_a_small_bare_picture_and_the_nested_schema(service, picture):
    look(picture)

    assert service.last.path == PATH
    assert service.last.method == "POST"
    assert service.last.headers["authorization"] == "Bearer secret"
    assert service.asked["model"] == "looker:7b"
    assert service.asked["response_format"]["json_schema"]["schema"] == SCHEMA
    assert service.asked["response_format"]["json_schema"]["strict"] is True
    assert service.shown.size == (1024, 683)
    assert dict(service.shown.getexif()) == {}


@pytest.mark.parametrize("suffix", ["", "/v1"])
def test_address_may_be_given_with_and_without_its_version(service, picture, settings, suffix):
    settings.VISION_BASE_URL = service.url + suffix

    assert look(picture)
    assert service.last.path == PATH


def test_fenced_answer_is_read(service, picture):
    service.writes(f"Here you are:\n```json\n{content([{'name': 'Rice', 'grams': 200, 'confidence': 1}])}\n```")

    assert [each.name for each in look(picture)] == ["Rice"]


def test_service_that_sees_nothing_to_eat_does_not_know(service, picture):
    service.sees([])

    assert why_not(picture)[0] == "unsure"


# --- What may come instead ------------------------------------------------------------------------------------------
WRONG = {
    "prose": (lambda it: it.writes("I see a lovely plate of eggs!"), "prose"),
    "half a list": (lambda it: it.writes(content([{"name": "Rice"}])[:-3]), "prose"),
    "cut off": (lambda it: it.writes(content([]), finish_reason="length"), "cut off"),
    "refusal": (lambda it: it.writes(None, refusal="I cannot help with that"), "did not want"),
    "filtered": (lambda it: it.writes("", finish_reason="content_filter"), "did not want"),
    "nothing": (lambda it: it.writes(None), "another form"),
    "list of names": (lambda it: it.sees(["Rice", "Peas"]), "another form"),
    "another object": (lambda it: it.writes('{"meal": "Rice"}'), "another form"),
    "a number": (lambda it: it.writes("42"), "another form"),
    "no confidence": (lambda it: it.sees([{"name": "Rice", "grams": 1}]), "another form"),
    "empty name": (lambda it: it.sees([{"name": " \n", "grams": 1, "confidence": 1}]), "another form"),
    "very deep": (lambda it: it.writes("[" * 50_000), "prose"),
    "HTML page": (lambda it: it.answers("<html>ngrok</html>", content_type="text/html"), "could not be asked"),
    "no choices": (lambda it: it.answers({"choices": []}), "could not be asked"),
    "message is text": (lambda it: it.answers({"choices": [{"message": "Rice"}]}), "could not be asked"),
    "unknown model": (lambda it: it.answers({"error": {"message": "pull it first"}}, 404), "could not be asked"),
    "wrong key": (lambda it: it.answers({"error": {"message": "key"}}, 401), "could not be asked"),
    "bad request": (lambda it: it.answers({"error": {"message": "no max_tokens"}}, 400), "could not be asked"),
    "loading": (lambda it: it.answers({"error": {"message": "Loading model"}}, 503), "could not be asked"),
    "too often": (lambda it: it.fails_with(429, headers={"Retry-After": "30"}), "only so often"),
    "refused": (lambda it: it.refuses(), "could not be asked"),
    "flood": (lambda it: it.floods(1_000_000), "could not be asked"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_answer_that_is_none_is_said_in_a_sentence_and_asked_for_once(service, picture, kind):
    make, sentence = WRONG[kind]
    make(service)

    reason, said = why_not(picture)

    assert reason == "trouble"
    assert sentence in said
    assert service.hits() == (0 if kind == "refused" else 1)


def test_service_that_is_slow_is_given_up_in_time_and_not_asked_again(service, picture):
    service.delays(5)
    began = time.monotonic()

    reason, said = why_not(picture, total_s=1.0)

    assert (reason, time.monotonic() - began < 3) == ("trouble", True)
    assert "too long" in said
    assert service.hits() == 1


def test_trouble_of_the_service_leaves_what_the_other_stages_know(service, picture):
    service.fails_with(503)

    found = recognise(picture.photo, picture.user, NOW)

    assert [(each.stage, each.reason) for each in found.unanswered][-1] == ("vision", "trouble")
    assert [each.stage for each in found.trouble] == ["vision"]


def test_prose_does_not_open_the_breaker_for_the_next_photo(service, picture):
    service.writes("A lovely plate!")
    for _ in range(3):
        why_not(picture)
    service.sees([{"name": "Rice", "grams": 200, "confidence": 1}])

    assert [each.name for each in look(picture)] == ["Rice"]


@pytest.mark.django_db(transaction=True)
def test_service_is_never_asked_inside_a_transaction(service, picture):
    from django.db import transaction

    with transaction.atomic(), pytest.raises(GatewayMisuse):
        look(picture)

    assert service.hits() == 0


# --- What the model may write ---------------------------------------------------------------------------------------
def written(*foods):
    return foods_in({"message": {"content": content(foods)}, "finish_reason": "stop"})


@pytest.mark.parametrize("grams", [-5, 0, MOST_GRAMS + 1, 1e300, 10**400, float("nan"), float("inf")])
def test_absurd_weight_is_left_out_and_the_food_is_flagged(grams):
    (found,) = written({"name": "Rice", "grams": grams, "confidence": 0.5})

    assert found.grams is None
    assert found.doubts == (("amount",) if grams == grams and abs(grams) != float("inf") and grams < 10**308 else ())


@pytest.mark.parametrize(("said", "kept"), [(7, 0.9), (-1, 0.0), (0.4, 0.4), (1, 0.9)])
def test_confidence_is_cut_to_what_is_possible_and_below_sure(said, kept):
    (found,) = written({"name": "Rice", "grams": None, "confidence": said})

    assert found.confidence == kept


def test_food_that_is_named_twice_is_there_once():
    found = written(*({"name": name, "grams": 1, "confidence": 0.5} for name in ("Rice", "rice", " RICE ")))

    assert [each.name for each in found] == ["Rice"]


def test_flood_of_foods_is_cut():
    found = written(*({"name": f"Rice {number}", "grams": 1, "confidence": 0.5} for number in range(500)))

    assert len(found) == MOST_FOODS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "grams", "confidence"]), inner)
    ),
    max_leaves=8,
)
food_like = st.fixed_dictionaries(
    {"name": st.text(max_size=200), "grams": st.none() | st.floats() | st.integers(), "confidence": st.floats()}
)


@given(st.lists(food_like | json_values, max_size=20))
def test_whatever_is_written_gives_sound_candidates_or_is_refused(foods):
    try:
        found = foods_in({"message": {"content": json.dumps({"foods": foods})}})
    except Unusable:
        return

    assert len(found) <= MOST_FOODS
    for each in found:
        assert 0 < len(each.name) <= LONGEST_NAME
        assert each.name.isprintable()
        assert 0 <= each.confidence < SURE
        assert each.grams is None or 0 <= each.grams <= MOST_GRAMS


# --- Who agreed -----------------------------------------------------------------------------------------------------
def test_photo_of_somebody_who_did_not_agree_stays_here(service):
    assert why_not(picture_of())[0] == "off"
    assert service.hits() == 0


def test_agreement_is_to_one_host_and_has_to_be_given_again_for_another(service, picture, settings):
    settings.VISION_BASE_URL = service.url.replace("127.0.0.1", "localhost")

    reason, said = why_not(picture)

    assert (reason, service.hits()) == ("off", 0)
    assert f"localhost:{service.port}" in said


def test_agreement_to_a_host_that_is_not_the_one_is_refused(service):
    user = make_user()

    for other in ("", "example.org", "127.0.0.1"):
        with pytest.raises(Refused):
            agree_to_vision(user=user, host=other)

    assert not Profile.objects.filter(user=user).exists()


def test_agreement_that_is_taken_back_counts_at_once(service, picture):
    withdraw_from_vision(user=picture.user)

    assert why_not(picture)[0] == "off"
    assert service.hits() == 0


def test_agreement_keeps_what_the_profile_says_besides(service):
    user = make_user()
    Profile.objects.create(user=user, height_cm=180)

    agree_to_vision(user=user, host=host(service))

    assert Profile.objects.get(user=user).height_cm == 180


def test_name_and_password_in_the_address_are_not_shown(settings):
    from tracking.recognition.vision import host as shown

    settings.VISION_BASE_URL = "https://me:secret@vision.example.org:8443/v1"

    assert shown() == "vision.example.org:8443"


def test_operator_sees_the_service_among_the_providers(service, settings):
    assert "vision" in [config.name for config in configured()]

    settings.VISION_BASE_URL = ""
    assert "vision" not in [config.name for config in configured()]


def test_barcode_is_never_sent_to_the_service(service):
    from tests.factories import BARCODE
    from tests.pictures import barcode_image

    make_product()
    user = make_user()
    agree_to_vision(user=user, host=host(service))
    picture = picture_of(encoded(barcode_image(BARCODE)), user)

    assert recognise(picture.photo, user, NOW).sure_of == "barcode"
    assert service.hits() == 0
