"""One caller per question: who leads, who waits, and for how long."""

import time
from collections.abc import Callable

import pytest

from dietintel.gateway.bulkhead import Bulkhead
from dietintel.gateway.clock import SystemClock
from dietintel.gateway.errors import BulkheadFull, GatewayError, Throttled, UpstreamTimeout
from dietintel.gateway.models import Lease
from dietintel.gateway.singleflight import Flight
from tests.clock import FakeClock
from tests.gateway.calls import UNLIMITED, ask, counted, make_client
from tests.gateway.conftest import InThread
from tests.provider import FakeProvider


def nothing() -> None:
    return None


@pytest.mark.django_db
class TestLease:
    def test_the_first_leads_and_the_second_does_not(self, clock: FakeClock):
        assert Flight("q", clock, lease_s=10).lead()

        assert not Flight("q", clock, lease_s=10).lead()
        assert Flight("another", clock, lease_s=10).lead()

    def test_after_a_landing_the_next_leads_and_nothing_is_left(self, clock: FakeClock):
        first, second = Flight("q", clock, lease_s=10), Flight("q", clock, lease_s=10)
        first.lead()

        first.land()

        assert not Lease.objects.exists()
        assert second.lead()

    def test_a_leader_that_is_gone_is_followed_when_its_lease_ends(self, clock: FakeClock):
        lost, next_one = Flight("q", clock, lease_s=10), Flight("q", clock, lease_s=10)
        lost.lead()
        clock.passes(9.9)
        assert not next_one.lead()

        assert next_one.join(nothing, until=clock.now() + 5) is None

        assert next_one.lead()

    def test_a_leader_that_comes_too_late_disturbs_nobody(self, clock: FakeClock):
        late, current = Flight("q", clock, lease_s=1), Flight("q", clock, lease_s=10)
        late.lead()
        clock.passes(1)
        current.lead()

        late.land()
        late.land(Throttled("429"))

        assert Lease.objects.get().holder == current.me
        assert Lease.objects.get().error == ""

    def test_who_waits_gets_the_error_of_the_leader_with_its_time_to_retry(self, clock: FakeClock):
        leader, other = Flight("q", clock, lease_s=10), Flight("q", clock, lease_s=10)
        leader.lead()
        leader.land(Throttled("429: slow down", retry_after_s=30.5))

        with pytest.raises(Throttled) as error:
            other.join(nothing, until=clock.now() + 5)

        assert error.value.retry_after_s == 30.5
        assert str(error.value) == "429: slow down"
        assert other.lead()  # an error is for those who waited; who comes later may ask

    def test_who_waits_gives_up_at_its_own_deadline(self, clock: FakeClock):
        Flight("q", clock, lease_s=100).lead()
        began = clock.now()

        with pytest.raises(UpstreamTimeout):
            Flight("q", clock, lease_s=10).join(nothing, until=clock.now() + 3)

        assert 3 <= clock.now() - began < 3.3

    def test_what_is_left_of_flights_is_tidied_up_by_later_ones(self, clock: FakeClock):
        for number in range(3):
            Flight(f"killed {number}", clock, lease_s=10).lead()
        clock.passes(100)
        leader = Flight("q", clock, lease_s=10)
        leader.lead()

        leader.land(Throttled())

        assert list(Lease.objects.values_list("key", flat=True)) == ["q"]


def test_when_all_places_are_taken_another_question_is_refused_at_once(provider: FakeProvider, in_thread: InThread):
    """Scenario 24: a slow provider leaves the other threads free."""
    provider.answers({"name": "Bread"})
    provider.delays(1.0)
    bulkhead = Bulkhead(2)
    client = make_client(provider.url, bulkhead=bulkhead, rate=UNLIMITED)
    waiting = [in_thread(ask, client), in_thread(ask, client)]
    _until(lambda: provider.hits() == 2)
    began = time.monotonic()

    with pytest.raises(BulkheadFull) as refused:
        ask(client)

    assert time.monotonic() - began < 0.3
    assert refused.value.retry_after_s == 1
    assert counted("rejected_bulkhead") == 1
    assert [call.result().data["name"] for call in waiting] == ["Bread", "Bread"]
    provider.delays(0)
    assert ask(client).data == {"name": "Bread"}  # the places were given back


def test_when_all_places_are_taken_what_is_kept_is_still_served(provider: FakeProvider, in_thread: InThread):
    provider.answers({"name": "Bread"})
    client = make_client(provider.url, bulkhead=Bulkhead(1), rate=UNLIMITED)
    ask(client, "/bread")
    provider.delays(0.7)
    waiting = in_thread(ask, client)
    _until(lambda: provider.hits() == 2)

    assert ask(client, "/bread").source == "cache"
    waiting.result()


def test_when_all_places_are_taken_the_same_question_waits_for_its_answer(provider: FakeProvider, in_thread: InThread):
    provider.answers({"name": "Bread"})
    provider.delays(0.6)
    client = make_client(provider.url, bulkhead=Bulkhead(1), rate=UNLIMITED)
    waiting = in_thread(ask, client, "/bread")
    _until(lambda: provider.hits() == 1)

    answer = ask(client, "/bread")

    assert (answer.data, answer.source) == ({"name": "Bread"}, "joined")
    assert provider.hits() == 1
    assert counted("cache_joined") == 1
    waiting.result()


def test_when_all_places_are_taken_the_same_question_waits_no_longer_than_two_seconds(
    provider: FakeProvider, in_thread: InThread
):
    provider.answers({"name": "Bread"})
    provider.delays(2.6)
    client = make_client(provider.url, bulkhead=Bulkhead(1), rate=UNLIMITED)
    waiting = in_thread(ask, client, "/bread")
    _until(lambda: provider.hits() == 1)
    began = time.monotonic()

    with pytest.raises(GatewayError):
        ask(client, "/bread")

    assert 1.9 < time.monotonic() - began < 2.5
    waiting.result()


def test_threads_that_ask_the_same_share_the_error_of_the_one_that_asks(provider: FakeProvider, in_thread: InThread):
    provider.fails_with(500)
    provider.delays(0.4)
    clients = [make_client(provider.url, SystemClock(), rate=UNLIMITED) for _thread in range(6)]

    calls = [in_thread(ask, client, "/bread") for client in clients]

    assert {getattr(call.exception(), "reason", None) for call in calls} == {"failure"}
    assert provider.hits() == 1


def _until(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.005)
