"""The queue to the workers, after one of them died at the worst moment."""

import os

import pytest

from workflows import sentinel
from workflows.sentinel import IDLE, PatientQueue, Timer

DEAD, ALIVE = 999_999, 1


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr(sentinel, "UNSAID_S", 0.05)
    queue = PatientQueue()
    queue.seat = 1
    return queue


def died_waiting(queue, *, holder=DEAD):
    """As a worker in seat 0 leaves it that is killed with the read lock."""
    queue.waits[0] = 1
    queue._rlock.acquire()
    queue.holder.value = holder


def test_a_lock_that_a_worker_died_with_is_given_back_and_its_message_is_kept(queue):
    died_waiting(queue)
    queue.put({"step": 1})

    queue.mend_after_worker(0, DEAD)

    assert queue.get() == {"step": 1}
    assert (list(queue.waits[:2]), queue.free()) == ([0, 0], 0)


def test_half_a_message_is_thrown_away(queue):
    died_waiting(queue)
    os.write(queue._writer.fileno(), b"\x80\x05half")

    queue.mend_after_worker(0, DEAD)
    queue.put("next")

    assert queue.get() == "next"


def test_a_worker_that_died_before_it_could_say_that_it_has_the_lock_is_found_too(queue):
    died_waiting(queue, holder=0)

    queue.mend_after_worker(0, DEAD)
    queue.put("next")

    assert queue.get() == "next"


def test_the_lock_of_one_that_lives_is_left_alone(queue):
    died_waiting(queue, holder=ALIVE)

    queue.mend_after_worker(0, DEAD)

    assert queue.holder.value == ALIVE
    assert not queue._rlock.acquire(block=False)


def test_a_pusher_that_died_while_it_wrote_leaves_no_lock(queue):
    queue._wlock.acquire()

    queue.mend_after_pusher()
    queue.put("next")

    assert queue.get() == "next"


def test_nobody_is_free_while_a_message_is_on_its_way(queue):
    queue.waits[0] = queue.waits[1] = 1
    assert (queue.free(), queue.hungry(timeout=0.01)) == (2, True)

    queue.put("next")

    assert (queue.free(), queue.hungry(timeout=0.01)) == (0, False)


def test_only_the_worker_sets_its_timer(monkeypatch):
    timer = Timer()
    timer.value = 10
    assert timer.value == IDLE

    monkeypatch.setattr(timer, "_sentinel", ALIVE)  # from here on this process is the worker
    timer.value = 10
    assert 9 < timer.value <= 10
    timer.value = 0
    assert timer.value == 0
