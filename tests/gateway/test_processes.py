"""What must hold between real processes, on the database that the tests run on."""

import time

import pytest

from dietintel.gateway.conf import RateLimit
from dietintel.gateway.errors import ProbeBusy
from dietintel.gateway.models import Lease
from dietintel.gateway.policy import State, to_us
from dietintel.gateway.store import StateStore
from tests.clock import FakeClock
from tests.gateway import jobs
from tests.gateway.calls import changes, counted, make_operation, opened, put_state, state
from tests.gateway.crew import Crew
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def most_in_any(window: float, times: list[float]) -> int:
    ordered = sorted(times)
    return max(sum(start <= at < start + window for at in ordered) for start in ordered)


def one_of_many_probes(provider: FakeProvider, crew: Crew, *, rounds: int) -> None:
    provider.answers({})
    provider.delays(0.3)
    for number in range(1, rounds + 1):
        opened(FakeClock(time.time()))

        results = crew.run(jobs.hammer, provider.url, 0.1)

        became = [reason for each in results for reason in each]
        assert became.count("answered") == 1
        assert set(became) == {"answered", "half_open_busy"}
        assert provider.hits() == number
        assert state().state == State.CLOSED


def test_of_many_processes_exactly_one_probes(provider: FakeProvider, crew: Crew):
    """Scenario 5."""
    one_of_many_probes(provider, crew, rounds=8)


@pytest.mark.long
def test_of_many_processes_exactly_one_probes_every_time(provider: FakeProvider, full_crew: Crew):
    """Scenario 5 in full."""
    one_of_many_probes(provider, full_crew, rounds=50)


def test_a_killed_probe_is_followed_by_another_when_its_lease_ends_and_not_before(crew: Crew, victim: Crew):
    """Scenario 7."""
    opened(FakeClock(time.time()))
    (claimed,) = victim.run(jobs.claim_a_probe, 2.0)
    victim.kill()
    store, refusals = StateStore(), 0

    while True:
        now = to_us(time.time())
        try:
            store.admit("fake:read", make_operation(), now=now, max_wait=0, headroom=0, lease=to_us(30))
        except ProbeBusy:
            refusals += 1
            time.sleep(0.02)
        else:
            break

    assert 2.0 <= (now - claimed) / 1_000_000 < 2.3
    assert refusals > 3


def failing_in_parallel(provider: FakeProvider, crew: Crew, *, times: int) -> None:
    provider.fails_with(500)
    provider.delays(0.05)

    crew.run(jobs.ask_often, provider.url, times)

    assert provider.hits() <= 5 + crew.size
    assert counted("failure") == provider.hits()
    assert changes() == [(State.CLOSED, State.OPEN)]
    assert state().open_streak == 1


def test_processes_that_fail_in_parallel_open_the_breaker_once(provider: FakeProvider, crew: Crew):
    """Scenario 10."""
    failing_in_parallel(provider, crew, times=8)


@pytest.mark.long
def test_eight_processes_that_go_on_failing_open_the_breaker_once(provider: FakeProvider, full_crew: Crew):
    """Scenario 10 in full."""
    failing_in_parallel(provider, full_crew, times=50)


def test_processes_together_are_admitted_no_more_often_than_the_limit(crew: Crew):
    """Scenario 11, at the store: the times that count are those of the admissions."""
    put_state()
    rate = RateLimit(limit=15, period_s=0.6, burst=5, margin=0)

    results = crew.run(jobs.admissions, 2.0, rate)

    granted = [float(at) for each in results for at in each]
    assert most_in_any(600_000, granted) <= 15
    assert len(granted) >= 2.0 / 0.6 * 11 * 0.7


def test_of_many_processes_exactly_one_gets_the_last_token(crew: Crew):
    """Scenario 11: one token a minute, and all ask for each of them at the same moment."""
    put_state()
    moments = [to_us(1_790_000_000 + 60 * number) for number in range(300)]

    got = crew.run(jobs.claims, moments, RateLimit(limit=1, period_s=60, burst=1, margin=0))

    assert sum(got) == 300


@pytest.mark.long
def test_a_provider_never_sees_more_calls_than_it_allows(provider: FakeProvider, full_crew: Crew):
    """Scenario 11, at the provider: the network's jitter included, which the margin is for."""
    provider.answers({})
    rate = RateLimit(limit=15, period_s=3, burst=5, margin=0.02)

    sent = sum(full_crew.run(jobs.ask_at_the_limit, provider.url, 9.0, rate))

    assert provider.hits() == sent
    assert 35 <= sent <= 40
    assert most_in_any(3.0, [request.at for request in provider.requests]) <= 15


def test_processes_together_count_exactly(crew: Crew):
    crew.run(jobs.count, "something", 50)

    assert counted("something") == 50 * crew.size


def test_the_same_question_from_many_processes_and_threads_is_asked_once(provider: FakeProvider, crew: Crew):
    """Scenario 19."""
    provider.answers({"name": "Bread"})
    provider.delays(0.3)

    results = [each for member in crew.run(jobs.ask_the_same, provider.url, "/bread", 3) for each in member]

    assert provider.hits() == 1
    assert [name for name, _took in results] == ["Bread"] * 3 * crew.size
    assert max(took for _name, took in results) < 2.0
    assert not Lease.objects.exists()


def test_the_question_of_a_killed_process_is_asked_again_when_its_lease_ends(
    provider: FakeProvider, crew: Crew, victim: Crew
):
    """Scenario 19, last sentence."""
    provider.delays(20)
    victim.start(jobs.lead_and_hang, provider.url, "/bread", 2.0)
    while not provider.hits():
        time.sleep(0.01)
    victim.kill()
    provider.recovers()
    provider.answers({"name": "Bread"})

    results = [each for member in crew.run(jobs.ask_the_same, provider.url, "/bread", 2) for each in member]

    assert provider.hits() == 2
    assert [name for name, _took in results] == ["Bread"] * 2 * crew.size
    assert max(took for _name, took in results) < 4.0


def test_the_error_of_one_is_the_error_of_all_who_wait(provider: FakeProvider, crew: Crew):
    provider.fails_with(429, headers={"Retry-After": "30"})
    provider.delays(0.3)

    results = [each for member in crew.run(jobs.ask_the_same, provider.url, "/bread", 2) for each in member]

    assert {reason for reason, _took in results} <= {"throttled", "cooldown"}
    assert provider.hits() == 1
