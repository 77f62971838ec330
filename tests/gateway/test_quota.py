"""So many calls a day, in the provider's own day."""

import datetime as dt
import zoneinfo
from typing import Any

import pytest

from dietintel.gateway.classify import Answer, Outcome, Verdict
from dietintel.gateway.conf import Quota
from dietintel.gateway.errors import CoolingDown, QuotaExhausted, Throttled, UpstreamError
from dietintel.gateway.overview import overview
from dietintel.gateway.policy import to_us
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway import jobs
from tests.gateway.calls import DAY, HOUR, KEY, TWICE, UNLIMITED, ask, counted, make_client, put_state, state
from tests.gateway.crew import Crew
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db
THREE_A_DAY: dict[str, Any] = {"rate": UNLIMITED, "quota": Quota(3)}


def at(text: str) -> int:
    return to_us(dt.datetime.fromisoformat(text).timestamp())


@pytest.fixture
def clock() -> FakeClock:
    """Six in the morning, by UTC."""
    return FakeClock(at("2026-11-21T06:00:00+00:00") / 1_000_000)


@pytest.mark.parametrize(
    ("zone", "now", "ends"),
    [
        ("UTC", "2026-11-21T00:00:00+00:00", "2026-11-22T00:00:00+00:00"),
        ("UTC", "2026-11-21T23:59:59.999999+00:00", "2026-11-22T00:00:00+00:00"),
        ("America/Chicago", "2026-11-21T03:00:00+00:00", "2026-11-21T06:00:00+00:00"),
        ("Europe/Berlin", "2026-03-29T01:30:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T12:00:00+01:00", "2026-10-26T00:00:00+01:00"),
    ],
)
def test_a_day_ends_at_midnight_where_the_provider_is(zone: str, now: str, ends: str):
    assert Quota(1, zone).ends_us(at(now)) == at(ends)


@pytest.mark.parametrize(
    ("limit", "zone", "error"), [(0, "UTC", ValueError), (1, "Nowhere/At_all", zoneinfo.ZoneInfoNotFoundError)]
)
def test_a_quota_that_means_nothing_is_refused(limit: int, zone: str, error: type[Exception]):
    with pytest.raises(error):
        Quota(limit, zone)


def test_a_used_up_quota_stops_calls_until_the_day_is_over(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock, **THREE_A_DAY)
    for _call in range(3):
        ask(client)
        clock.passes(HOUR)

    with pytest.raises(QuotaExhausted) as refused:
        ask(client)

    assert refused.value.retry_after_s == 15 * HOUR
    assert provider.hits() == 3
    assert counted("rejected_quota") == 1
    clock.passes(15 * HOUR)
    ask(client)
    assert state().quota_used == 1


def test_an_old_answer_stands_in_while_the_quota_is_used_up(provider: FakeProvider, clock: FakeClock):
    provider.answers({"name": "Bread"})
    client = make_client(provider.url, clock, **THREE_A_DAY)
    ask(client, "/bread")
    clock.passes(DAY + 1)
    for _call in range(3):
        ask(client)

    assert ask(client, "/bread").source == "stale"


def test_each_retry_counts(provider: FakeProvider, clock: FakeClock):
    provider.fails_with(500)
    client = make_client(provider.url, clock, **THREE_A_DAY)
    with pytest.raises(UpstreamError):
        ask(client, caller=TWICE)

    with pytest.raises(QuotaExhausted):
        ask(client, caller=TWICE)

    assert provider.hits() == 3


def test_a_refused_call_uses_nothing_up(provider: FakeProvider, clock: FakeClock):
    client = make_client(provider.url, clock, **THREE_A_DAY)
    put_state(not_before=to_us(clock.now() + 60))

    with pytest.raises(CoolingDown):
        ask(client)

    assert state().quota_used == 0


def test_a_clock_that_is_behind_does_not_begin_the_old_day_again(clock: FakeClock):
    """Of two hosts, one is a second late at midnight."""
    store, operation = StateStore(), make_client("", **THREE_A_DAY).config.operations["read"]
    midnight = at("2026-11-22T00:00:00+00:00")

    used = []
    for now in (midnight, midnight - 1, midnight, midnight - 1):
        try:
            store.admit(KEY, operation, now=now, max_wait=0, headroom=0, lease=1)
        except QuotaExhausted:
            used.append("refused")
        else:
            used.append("admitted")

    assert used == ["admitted"] * 3 + ["refused"]


def test_without_a_quota_calls_are_not_counted_by_day(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    ask(make_client(provider.url, clock))

    assert (state().quota_used, state().quota_window) == (0, 0)


def test_a_reset_gives_the_day_back(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock, **THREE_A_DAY)
    for _call in range(3):
        ask(client)

    StateStore().reset(KEY, actor="ada", now=to_us(clock.now()))

    ask(client)
    assert state().quota_used == 1


def test_an_operator_sees_what_is_used_today(provider: FakeProvider, clock: FakeClock):
    provider.answers({})
    client = make_client(provider.url, clock, **THREE_A_DAY)
    for _call in range(2):
        ask(client)

    def seen() -> tuple[int | None, int | None]:
        (told,) = (each for each in overview([client.config], now=to_us(clock.now())) if each.key == KEY)
        return told.quota_used, told.quota

    assert seen() == (2, 3)
    clock.passes(DAY)
    assert seen() == (0, 3)


def test_of_many_processes_together_no_more_than_the_quota_are_let_through(crew: Crew):
    put_state()

    admitted = crew.run(jobs.claims, [at("2026-11-21T06:00:00+00:00")] * 100, UNLIMITED, Quota(250))

    assert sum(admitted) == state().quota_used == 250


def test_a_provider_that_says_its_day_is_used_up_is_left_alone_until_then(provider: FakeProvider, clock: FakeClock):
    """Longer than any header may ask for: the classifier knows what the provider means."""
    provider.answers({"error": {"code": 11}})

    def used_up(answer: Answer) -> Verdict:
        return Verdict(Outcome.THROTTLED, "the daily quota", cooldown_s=18 * HOUR)

    client = make_client(provider.url, clock)
    with pytest.raises(Throttled) as throttled:
        ask(client, classify=used_up)
    clock.passes(17 * HOUR)

    with pytest.raises(CoolingDown) as refused:
        ask(client)

    assert throttled.value.retry_after_s == 18 * HOUR
    assert refused.value.retry_after_s == HOUR
    assert (state().calls, provider.hits()) == (0, 1)
