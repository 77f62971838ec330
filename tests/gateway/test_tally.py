"""Counts that are kept in memory for a while, and lost by nobody who ends in peace."""

import multiprocessing

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from dietintel.gateway.models import Counter
from dietintel.gateway.tally import FLUSH_AT, FLUSH_EVERY_S, TALLY
from tests.clock import FakeClock
from tests.gateway import jobs
from tests.gateway.calls import KEY, ask, counted, make_client
from tests.gateway.conftest import InThread
from tests.gateway.crew import Crew
from tests.gateway.test_isolation import locked_by_somebody_else
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db


def written(event: str) -> int:
    """What everybody else sees."""
    return Counter.objects.filter(key=KEY, event=event).values_list("value", flat=True).first() or 0


@pytest.fixture
def just_flushed() -> None:
    TALLY.add(KEY, "first")
    TALLY.flush()


def test_a_fresh_kept_answer_costs_no_write(provider: FakeProvider, clock: FakeClock, just_flushed):
    provider.answers({})
    client = make_client(provider.url, clock)
    ask(client, "/bread")

    with CaptureQueriesContext(connection) as captured:
        ask(client, "/bread")

    assert [query["sql"] for query in captured if not query["sql"].startswith("SELECT")] == []
    assert written("cache_hit") == 0
    assert counted("cache_hit") == 1


def test_a_process_that_counts_once_in_a_while_writes_at_once():
    TALLY._flushed_at -= FLUSH_EVERY_S

    TALLY.add(KEY, "cache_hit")

    assert written("cache_hit") == 1


def test_what_gathers_is_written_in_one_statement_when_it_is_much(just_flushed):
    with CaptureQueriesContext(connection) as captured:
        for number in range(FLUSH_AT - 1):
            TALLY.add(f"fake:{number % 3}", "cache_hit")
        assert len(captured) == 0
        TALLY.add(KEY, "cache_hit")

    assert sum("INSERT" in query["sql"] for query in captured) == 1
    assert sum(Counter.objects.filter(event="cache_hit").values_list("value", flat=True)) == FLUSH_AT


@pytest.mark.django_db(transaction=True)
def test_counts_that_cannot_be_written_are_kept_for_later(just_flushed):
    TALLY.add(KEY, "cache_hit")
    with locked_by_somebody_else("gateway_counter"):
        TALLY.flush()
    assert written("cache_hit") == 0

    TALLY.add(KEY, "cache_hit")

    assert counted("cache_hit") == 2


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_into_a_transaction_that_may_be_undone(just_flushed):
    TALLY.add(KEY, "cache_hit")

    with transaction.atomic():
        TALLY.flush()
        transaction.set_rollback(True)

    assert counted("cache_hit") == 1


def test_threads_that_count_at_the_same_time_lose_nothing(in_thread: InThread):
    for counting in [in_thread(jobs.count_in_memory, "cache_hit", 3000) for _thread in range(8)]:
        counting.result()

    assert counted("cache_hit") == 24_000


def test_processes_that_end_write_what_they_have(transactional_db):
    members = Crew(2)
    members.run(jobs.count_in_memory, "cache_hit", 50)

    members.dismiss()

    assert written("cache_hit") == 100


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_counts_for_itself_and_writes_when_it_ends(transactional_db, just_flushed):
    """As the workers of the queue and of the web server do, which `atexit` does not reach."""
    TALLY.add(KEY, "cache_hit")
    connections.close_all()

    child = multiprocessing.get_context("fork").Process(target=jobs.count_in_memory, args=("cache_hit", 3))
    child.start()
    child.join(20)

    assert child.exitcode == 0
    assert written("cache_hit") == 3
    assert counted("cache_hit") == 4
