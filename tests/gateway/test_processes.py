"""What must hold between real processes, on the database that the tests run on."""

import multiprocessing
import time
from collections import Counter as Counts

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.urls import reverse

from dietintel.gateway.classify import Outcome
from dietintel.gateway.conf import RateLimit
from dietintel.gateway.errors import ProbeBusy
from dietintel.gateway.models import Counter, Lease, ProviderState, Transition
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


def test_an_importer_at_work_does_not_keep_calls_waiting(victim: Crew):
    """Scenario 24. What else is busy on this machine stretches the slices, so that the best of some tries counts."""
    put_state()
    tries = []
    for _try in range(5):
        victim.start(jobs.import_in_slices, 1.5, 100)
        took = jobs.take_tokens(1.5)
        (held,) = victim.results()
        assert len(took) > 10
        waited_s, slice_s = percentile(95, took), percentile(95, held)
        if waited_s < 0.05 and slice_s < 0.1:
            return
        tries.append((waited_s, slice_s))
    # Where the importer itself is kept from working, a call waits for what is left of a slice, and for one more.
    assert any(waited_s < 2 * slice_s for waited_s, slice_s in tries), tries


def percentile(share: int, times: list[float]) -> float:
    return sorted(times)[len(times) * share // 100]


def test_an_operator_s_decision_is_seen_by_all_other_processes_on_their_next_call(
    provider: FakeProvider, crew: Crew, admin_client, admin_user
):
    """Scenario 25."""
    provider.answers({})
    assert crew.run(jobs.ask_now, provider.url) == ["answered"] * 7
    sent = provider.hits()

    def decides(action: str) -> None:
        page = reverse("admin:gateway_providerstate_changelist")
        assert admin_client.post(page, {"action": action, "_selected_action": ["fake:read"]}).status_code == 302

    decides("force_open")
    assert crew.run(jobs.ask_now, provider.url) == ["forced_open"] * 7
    assert provider.hits() == sent

    decides("reset")
    assert crew.run(jobs.ask_now, provider.url) == ["answered"] * 7

    decides("disable")
    provider.fails_with(500)
    assert crew.run(jobs.ask_often, provider.url, 2) == [["failure", "failure"]] * 7

    decides("reset")
    provider.recovers()
    provider.answers({})
    assert crew.run(jobs.ask_now, provider.url) == ["answered"] * 7

    assert changes() == [
        (State.CLOSED, State.FORCED_OPEN),
        (State.FORCED_OPEN, State.CLOSED),
        (State.CLOSED, State.DISABLED),
        (State.DISABLED, State.CLOSED),
    ]
    who = admin_user.get_username()
    assert set(Transition.objects.values_list("actor", flat=True)) == {who}
    assert LogEntry.objects.filter(user=admin_user, object_id="fake:read").count() == 4


@pytest.mark.long
def test_counters_are_exact_after_workers_were_recycled(provider: FakeProvider, transactional_db):
    """Scenario 25: three generations of workers come and go; one provider, sometimes in trouble."""
    provider.answers({})
    for generation in range(3):
        workers = Crew(2)
        workers.run(jobs.ask_often, provider.url, 5)
        workers.run(jobs.ask_kept_things, provider.url, 3)
        if generation == 1:
            provider.fails_with(500, times=4)
            provider.answers({})
            workers.run(jobs.ask_often, provider.url, 10)
        workers.dismiss()

    outcomes = {each.value for each in Outcome}
    rows = dict(Counter.objects.filter(key="fake:read").values_list("event", "value"))
    assert sum(value for event, value in rows.items() if event in outcomes) == provider.hits()
    assert (rows["failure"], rows["success"]) == (4, provider.hits() - 4)
    asked = 3 * 2 * (5 + 30) + 2 * 10
    assert rows["cache_miss"] + rows["cache_hit"] == asked
    assert rows["cache_miss"] == provider.hits()
    assert ProviderState.objects.filter(key="fake:read").count() == 1


def test_each_change_of_a_breaker_is_written_down_once_whoever_makes_it(provider: FakeProvider, crew: Crew):
    """Scenario 25."""
    provider.fails_with(500)
    crew.run(jobs.ask_often, provider.url, 4)
    StateStore().force_open("fake:read", actor="ada", now=to_us(time.time()))
    StateStore().reset("fake:read", actor="ada", now=to_us(time.time()))
    provider.recovers()
    provider.answers({})
    crew.run(jobs.ask_now, provider.url)

    assert changes() == [
        (State.CLOSED, State.OPEN),
        (State.OPEN, State.FORCED_OPEN),
        (State.FORCED_OPEN, State.CLOSED),
    ]
    assert state().generation == 3


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_after_the_first_call_has_connections_of_its_own(provider: FakeProvider):
    """Scenario 25: as a server does that loads the application before it forks."""
    provider.answers({})
    assert jobs.ask_now(provider.url) == "answered"
    connections.close_all()

    forking = multiprocessing.get_context("fork")
    children = [forking.Process(target=jobs.ask_often, args=(provider.url, 2)) for _child in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
    assert jobs.ask_now(provider.url) == "answered"

    ports = [request.port for request in provider.requests]
    assert ports[0] == ports[-1]
    assert sorted(Counts(ports).values()) == [2, 2, 2]
    assert (counted("success"), counted("cache_miss")) == (6, 6)


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
