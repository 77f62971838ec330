"""The fake provider misbehaves as told: other tests stand on that."""

import time

import pytest
import requests

from tests.provider import FakeProvider

CODE = "3017624010701"
PRODUCT = {"product_name": "Nutella", "nutriments": {"energy-kcal_100g": 539}, "lang": "fr"}


@pytest.fixture
def ask(provider: FakeProvider):
    """GET a path of the provider over a connection that is kept."""
    with requests.Session() as session:
        session.trust_env = False

        def get(path=f"/api/v2/product/{CODE}", **options):
            return session.get(provider.url + path, timeout=5, allow_redirects=False, **options)

        yield get


def test_known_product_comes_in_the_envelope_of_each_version(provider, ask):
    provider.knows(CODE, PRODUCT)

    old, new = ask(), ask(f"/api/v3.6/product/{CODE}")

    assert old.json() == {
        "code": CODE,
        "product": {"code": CODE, **PRODUCT},
        "status": 1,
        "status_verbose": "product found",
    }
    assert (new.json()["status"], new.json()["result"]["id"]) == ("success", "product_found")
    assert new.json()["product"] == old.json()["product"]


def test_unknown_product_is_a_json_404_in_each_version(ask):
    old, new = ask(), ask(f"/api/v3.6/product/{CODE}")

    assert (old.status_code, old.json()["status"]) == (404, 0)
    assert (new.status_code, new.json()["errors"][0]["message"]["id"]) == (404, "product_not_found")


def test_only_the_fields_asked_for_are_sent(provider, ask):
    provider.knows(CODE, PRODUCT)

    answer = ask(params={"fields": "code,lang,quantity"})

    assert answer.json()["product"] == {"code": CODE, "lang": "fr"}


def test_leading_zeros_do_not_matter(provider, ask):
    provider.knows("0737628064502", PRODUCT)

    assert ask("/api/v2/product/737628064502").json()["code"] == "0737628064502"


def test_plans_are_carried_out_in_order_and_then_all_is_as_before(provider, ask):
    provider.knows(CODE, PRODUCT)

    provider.fails_with(503, times=2)
    provider.fails_with(429, headers={"Retry-After": "7"}, times=1)

    answers = [ask() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 200]
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert answers[2].headers["Retry-After"] == "7"


def test_lasting_plan_ends_with_the_next_plan(provider, ask):
    provider.fails_with(500)
    assert [ask().status_code, ask().status_code] == [500, 500]

    provider.answers({"status": 1})

    assert ask().json() == {"status": 1}


def test_old_mirror_knows_no_v3(provider, ask):
    provider.knows(CODE, PRODUCT)

    provider.no_v3()

    assert (ask().status_code, ask(f"/api/v3.6/product/{CODE}").status_code) == (200, 404)


def test_refused_connections_come_back_at_the_same_address(provider, ask):
    provider.knows(CODE, PRODUCT)
    assert ask().ok

    provider.refuses()
    with pytest.raises(requests.ConnectionError):
        ask()
    with pytest.raises(requests.ConnectionError, match="refused"):
        ask()
    provider.comes_back()

    assert ask().ok


def test_cut_off_body_is_shorter_than_declared(provider, ask):
    provider.knows(CODE, PRODUCT)

    provider.cuts_off(after_bytes=20)

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="20 bytes read"):
        ask()


@pytest.mark.parametrize("zipped", [False, True])
def test_flood_is_as_large_as_told(provider, ask, zipped):
    provider.floods(3_000_000, zipped=zipped)

    answer = ask()

    assert 3_000_000 < len(answer.content) < 3_000_100
    assert int(answer.headers.get("Content-Length", 0)) < 10_000


def test_delay_and_trickle_take_their_time(provider, ask):
    provider.answers(b"x" * 30)
    provider.delays(0.1)
    provider.trickles(bytes_per_second=100)

    began = time.monotonic()
    answer = ask()

    assert answer.content == b"x" * 30
    assert time.monotonic() - began > 0.3


def test_redirect_names_the_address(provider, ask):
    provider.redirects_to("https://example.org/there")

    answer = ask()

    assert (answer.status_code, answer.headers["Location"]) == (302, "https://example.org/there")


def test_requests_are_recorded_and_counted(provider, ask):
    ask(params={"fields": "code"}, headers={"User-Agent": "DietIntel/1"})

    assert (provider.hits(), provider.hits("/v2/"), provider.hits("/v3")) == (1, 1, 0)
    assert provider.last.query == {"fields": "code"}
    assert provider.last.headers["user-agent"] == "DietIntel/1"
    assert abs(provider.last.at - time.time()) < 5
