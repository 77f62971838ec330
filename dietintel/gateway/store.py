"""The shared state of breakers and limiters: every transition is one conditional UPDATE.

The same SQL on SQLite and PostgreSQL, so that all processes of all hosts agree without any other lock. Written by
hand because compiling the same statement with the ORM costs eight times the statement itself (measured on SQLite).
Times are microseconds since the epoch, as whole numbers.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dietintel.counting import adding
from dietintel.gateway import figures, policy, sql
from dietintel.gateway.conf import Operation, RateLimit
from dietintel.gateway.errors import BY_REASON, CircuitOpen, CoolingDown, GatewayError, StoreUnavailable
from dietintel.gateway.models import Counter, ProviderState, Transition
from dietintel.gateway.policy import Snapshot, State, to_us

STATE = ProviderState._meta.db_table
COUNTER = Counter._meta.db_table

_SEEN = "state, open_until, probe_until, tat, not_before, quota_window, quota_used"
_SELECT = f"SELECT {_SEEN} FROM {STATE} WHERE key = %s"
_STREAK = f"SELECT open_streak FROM {STATE} WHERE key = %s"
# Breaker, half-open claim, cool-down and limiter in one statement. No row: refused, and nothing changed.
# A call that waits for the end of a cool-down uses its token then: else all that wait would go out at once on top.
_ADMIT = f"""
UPDATE {STATE} SET
  tat = CASE WHEN tat >= %(now)s AND tat >= not_before THEN tat WHEN not_before > %(now)s THEN not_before
    ELSE %(now)s END + %(emission)s,
  generation = CASE WHEN state IN (0, 4) THEN generation ELSE generation + 1 END,
  probe_until = CASE WHEN state IN (0, 4) THEN probe_until ELSE %(now)s + %(lease)s END,
  state = CASE WHEN state IN (0, 4) THEN state ELSE 2 END,
  quota_used = CASE WHEN %(window)s = 0 THEN quota_used WHEN quota_window < %(window)s THEN 1 ELSE quota_used + 1 END,
  quota_window = CASE WHEN quota_window < %(window)s THEN %(window)s ELSE quota_window END
WHERE key = %(key)s
  AND (%(window)s = 0 OR quota_window < %(window)s OR quota_used < %(quota)s)
  AND tat <= %(now)s + %(allowance)s + %(max_wait)s AND not_before <= %(now)s + %(max_wait)s
  AND (state IN (0, 4) OR (state = 1 AND open_until <= %(now)s) OR (state = 2 AND probe_until <= %(now)s))
RETURNING state, open_until, probe_until, tat - %(emission)s, not_before, generation"""
_RECORD = f"""
UPDATE {STATE} SET
  history = ((CASE WHEN last_at < %(idle)s THEN 0 ELSE history END) * 2 + %(bad)s) & %(mask)s,
  slow = ((CASE WHEN last_at < %(idle)s THEN 0 ELSE slow END) * 2 + %(slow)s) & %(mask)s,
  calls = CASE WHEN last_at < %(idle)s THEN 1 WHEN calls < %(window)s THEN calls + 1 ELSE calls END,
  throttle_streak = CASE WHEN %(bad)s = 0 THEN 0 ELSE throttle_streak END,
  last_at = %(now)s
WHERE key = %(key)s AND generation = %(generation)s AND state = 0
RETURNING history, slow, calls"""
_OPEN = f"""
UPDATE {STATE} SET state = 1, generation = generation + 1, open_streak = open_streak + 1, reason = %(reason)s,
  open_until = %(now)s + %(open_for)s
WHERE key = %(key)s AND generation = %(generation)s AND state = %(from)s
RETURNING generation"""
_CLOSE = f"""
UPDATE {STATE} SET state = 0, generation = generation + 1, open_streak = 0, history = 0, slow = 0, calls = 0,
  throttle_streak = 0, reason = ''
WHERE key = %(key)s AND generation = %(generation)s AND state = 2
RETURNING generation"""
_RESET = f"""
UPDATE {STATE} SET state = 0, generation = generation + 1, open_streak = 0, history = 0, slow = 0, calls = 0,
  tat = 0, not_before = 0, throttle_streak = 0, quota_used = 0, reason = ''
WHERE key = %(key)s
RETURNING generation"""
_FORCE = f"""
UPDATE {STATE} SET state = %(to)s, generation = generation + 1, reason = %(reason)s
WHERE key = %(key)s
RETURNING generation"""
# Not a new generation: a probe under way may still close the breaker, and `confirm` reads the pause itself.
_END_PAUSE = f"UPDATE {STATE} SET not_before = 0, throttle_streak = 0 WHERE key = %(key)s RETURNING generation"
_PAUSE = "CASE throttle_streak WHEN 0 THEN %(first)s WHEN 1 THEN %(second)s ELSE %(later)s END"
_COOLDOWN = f"""
UPDATE {STATE} SET throttle_streak = throttle_streak + 1, not_before = CASE
  WHEN not_before > %(now)s + {_PAUSE} THEN not_before ELSE %(now)s + {_PAUSE} END
WHERE key = %(key)s RETURNING throttle_streak, not_before"""

_COUNT = f"""
INSERT INTO {COUNTER} (key, event, value) VALUES (%(key)s, %(event)s, 1)
ON CONFLICT (key, event) DO UPDATE SET value = {COUNTER}.value + 1 RETURNING value"""


@dataclass(frozen=True)
class Permit:
    """Leave to make one attempt, after waiting `wait_s`. Give it back with `record` or `release`."""

    key: str
    generation: int
    state: State
    wait_s: float
    not_before: int  # as it was then


class StateStore:
    """Reads and writes the shared state. Every method raises StoreUnavailable when the database does not answer."""

    def admit(self, key: str, operation: Operation, *, now: int, max_wait: int, headroom: int, lease: int) -> Permit:
        """Claim one attempt. Raises the `GatewayError` that says why not; nothing has changed then.

        A SELECT goes first: a refusal then needs no write lock.
        """
        emission = operation.rate.emission_us
        if headroom:
            # Who leaves tokens for others may not reserve them either: every wait moves the time all others see.
            max_wait = min(max_wait, (headroom - 1) * emission)
        arguments = {
            "key": key, "now": now, "max_wait": max_wait, "lease": lease, "emission": emission,
            "allowance": policy.allowance_us(operation.rate, headroom=headroom),
            "window": operation.quota.ends_us(now) if operation.quota else 0,  # 0: there is no quota
            "quota": operation.quota.limit if operation.quota else 0,
        }  # fmt: skip
        for _try in range(3):  # a loser of the race looks again, to learn why it lost
            seen = self._see(key)
            refused = policy.refusal(
                seen, operation.rate, now=now, max_wait=max_wait, headroom=headroom, quota=operation.quota
            )
            if refused is not None:
                raise _error(refused)
            row = sql.write(_ADMIT, arguments)
            if row is not None:
                before = Snapshot(State(row[0]), *row[1:5])
                wait = policy.wait_us(before, operation.rate, now=now, headroom=headroom)
                return Permit(key, row[5], before.state, wait / 1_000_000, before.not_before)
        raise _error(policy.Refusal("rate", emission))

    def confirm(self, permit: Permit, *, now: int) -> None:
        """After the wait of a permit. Raises where the breaker opened or a cool-down began meanwhile."""
        row = sql.read(f"SELECT state, generation, open_until, not_before FROM {STATE} WHERE key = %s", [permit.key])
        if row is None:
            raise StoreUnavailable(f"the state of {permit.key} is gone")
        state, generation, open_until, not_before = row
        if generation != permit.generation and state not in {State.CLOSED, State.DISABLED}:
            raise CircuitOpen(retry_after_s=max(0, open_until - now) / 1_000_000)
        if not_before > max(now, permit.not_before):
            raise CoolingDown(retry_after_s=(not_before - now) / 1_000_000)

    def record(self, permit: Permit, operation: Operation, *, ok: bool, elapsed_s: float, now: int, event: str) -> None:
        """Tell the breaker the outcome of an attempt, and count it as `event`.

        What began in an earlier state is counted, and says nothing about this one.
        """
        if permit.state is State.HALF_OPEN:
            self.count(permit.key, event)
            if ok:
                self._close(permit, now=now)
            else:
                self._open(permit, operation, reason="the probe failed", now=now)
            return
        breaker = operation.breaker
        row = sql.write(
            _RECORD,
            {
                "key": permit.key,
                "generation": permit.generation,
                "now": now,
                "bad": int(not ok),
                "slow": int(elapsed_s > breaker.slow_s),
                "idle": now - to_us(breaker.idle_s),
                "mask": (1 << breaker.window) - 1,
                "window": breaker.window,
                "event": event,
            },  # fmt: skip
            before=_COUNT,
        )
        if row is None:
            return
        why = policy.trip_reason(breaker, history=row[0], slow=row[1], calls=row[2])
        if why is not None:
            self._open(permit, operation, reason=why, now=now)

    def release(self, permit: Permit) -> None:
        """Give a probe back that ended without a verdict, so that the next call may probe at once."""
        if permit.state is State.HALF_OPEN:
            sql.write(
                f"UPDATE {STATE} SET probe_until = 0 WHERE key = %s AND generation = %s AND state = 2 RETURNING key",
                [permit.key, permit.generation],
            )

    def cool_down(self, key: str, *, pause_s: float | None, now: int) -> tuple[int, float]:
        """Nobody calls `key` for `pause_s`, or for longer where that was said before.

        None: the provider named no time; the pause grows with each throttle in a row. Returns the throttles in a row,
        and the seconds that the pause lasts.
        """
        steps = policy.COOLDOWN_STEPS_S if pause_s is None else (pause_s,) * 3
        first, second, later = map(to_us, steps)
        row = sql.write(_COOLDOWN, {"key": key, "now": now, "first": first, "second": second, "later": later})
        return (int(row[0]), (row[1] - now) / 1_000_000) if row else (0, 0.0)

    def reconcile(self, key: str, rate: RateLimit, *, remaining: int, now: int) -> None:
        """The provider counts too, and somebody else's calls with ours: its count holds where it leaves fewer."""
        tat = policy.reconciled_tat(rate, remaining=remaining, now=now)
        if tat is not None:
            self.introduce([key])
            sql.write(f"UPDATE {STATE} SET tat = %s WHERE key = %s AND tat < %s RETURNING key", [tat, key, tat])

    def cache_epoch(self, key: str) -> int:
        """Part of the name of every kept answer."""
        row = sql.read(f"SELECT cache_epoch FROM {STATE} WHERE key = %s", [key])
        return int(row[0]) if row else 0

    def purge_cache(self, key: str) -> None:
        """Make every answer kept so far unfindable, in every process."""
        sql.write(f"UPDATE {STATE} SET cache_epoch = cache_epoch + 1 WHERE key = %s RETURNING key", [key])

    def note_error(self, key: str, message: str, *, now: int) -> None:
        """Keep the newest trouble for the operator's page."""
        sql.write(
            f"UPDATE {STATE} SET last_error = %s, last_error_at = %s WHERE key = %s RETURNING key",
            [message[:200], now, key],
        )

    def count(self, key: str, event: str, *, wait_ms: int = sql.LOCK_WAIT_MS) -> None:
        """Add one to a counter."""
        sql.write(_COUNT, {"key": key, "event": event}, wait_ms=wait_ms)

    def reset(self, key: str, *, actor: str, now: int) -> None:
        """An operator's fresh start: closed, no cool-down, all tokens. Results of calls under way are thrown away."""
        seen = self._see(key)
        self._change(_RESET, {"key": key}, seen.state, State.CLOSED, "reset", now=now, actor=actor)

    def force_open(self, key: str, *, actor: str, now: int) -> None:
        """An operator's stop: nothing is sent, and what waits is sent no more, until `reset`."""
        self._force(key, State.FORCED_OPEN, f"stopped by {actor}", now=now, actor=actor)

    def disable(self, key: str, *, actor: str, now: int) -> None:
        """No breaker until `reset`: every call goes out that the limiter and the provider's pauses let through."""
        self._force(key, State.DISABLED, f"breaker switched off by {actor}", now=now, actor=actor)

    def clear_cool_down(self, key: str, *, actor: str, now: int) -> None:
        """End the pause that the provider asked for. The breaker stays as it is."""
        state = self._see(key).state
        self._change(_END_PAUSE, {"key": key}, state, state, "cool-down cleared", now=now, actor=actor)

    def introduce(self, keys: Iterable[str]) -> None:
        """Make the rows of `keys`, where they are not there yet."""
        with sql.short_lock_wait():
            ProviderState.objects.bulk_create([ProviderState(key=key) for key in keys], ignore_conflicts=True)

    def _force(self, key: str, to: State, reason: str, *, now: int, actor: str) -> None:
        old = self._see(key).state
        self._change(_FORCE, {"key": key, "to": int(to), "reason": reason}, old, to, reason, now=now, actor=actor)

    def _open(self, permit: Permit, operation: Operation, *, reason: str, now: int) -> None:
        # The streak changes only together with the generation, so the statement below is fenced on what is read here.
        streak = sql.read(_STREAK, [permit.key]) if permit.state is State.HALF_OPEN else None
        open_for = to_us(policy.open_seconds(operation.breaker, streak=streak[0] if streak else 0))
        arguments = {
            "key": permit.key,
            "generation": permit.generation,
            "from": int(permit.state),
            "reason": reason,
            "now": now,
            "open_for": open_for,
        }  # fmt: skip
        # Exactly one of many failing calls changes a row: the generation has moved on for the others.
        self._change(_OPEN, arguments, permit.state, State.OPEN, reason, now=now)

    def _close(self, permit: Permit, *, now: int) -> None:
        arguments = {"key": permit.key, "generation": permit.generation}
        self._change(_CLOSE, arguments, State.HALF_OPEN, State.CLOSED, "the probe succeeded", now=now)

    def _change(
        self, statement: str, arguments: Any, old: State, new: State, reason: str, *, now: int, actor: str = ""
    ) -> None:
        """Carry out `statement` and, where it changed the row, note the transition: both or neither."""
        at = dt.datetime.fromtimestamp(now / 1_000_000, tz=dt.UTC)
        with sql.short_lock_wait() as cursor, transaction.atomic():
            cursor.execute(statement, arguments)
            if cursor.fetchall():
                key = arguments["key"]
                Transition.objects.create(key=key, at=at, from_state=old, to_state=new, reason=reason, actor=actor)
                event = f"{figures.CHANGED}{old.name}:{new.name}".lower()
                cursor.execute(*adding(Counter._meta.db_table, {(key, event): 1}))  # the rows are deleted in time
                cursor.fetchall()

    def _see(self, key: str) -> Snapshot:
        """The state of `key`; its row is made at the first sight of it."""
        row = sql.read(_SELECT, [key])
        if row is None:
            self.introduce([key])
            row = sql.read(_SELECT, [key])
        if row is None:
            raise StoreUnavailable(f"the state of {key} cannot be kept")
        return Snapshot(State(row[0]), *row[1:])


def _error(refused: policy.Refusal) -> GatewayError:
    after = None if refused.retry_after_us is None else refused.retry_after_us / 1_000_000
    return BY_REASON[refused.reason](retry_after_s=after)
