"""Of many callers that ask the same thing at the same time, in any process, one asks; the others take its answer."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dietintel.gateway import sql
from dietintel.gateway.clock import Clock
from dietintel.gateway.errors import BY_REASON, GatewayError, UpstreamTimeout
from dietintel.gateway.models import Lease
from dietintel.gateway.policy import to_us

T = TypeVar("T")
LEASE = Lease._meta.db_table
FORGET_S = 60.0
POLL_FIRST_S, POLL_MOST_S = 0.01, 0.25
_LOOK = f"SELECT holder, until, error FROM {LEASE} WHERE key = %s"
_TAKE = f"""
INSERT INTO {LEASE} (key, holder, until, error) VALUES (%(key)s, %(me)s, %(until)s, '')
ON CONFLICT (key) DO UPDATE SET holder = %(me)s, until = %(until)s, error = ''
WHERE {LEASE}.until <= %(now)s RETURNING holder"""


@dataclass(frozen=True)
class Flight:
    """One question. `answer` looks into the cache, so it is cheap and None while nobody has answered."""

    key: str
    clock: Clock
    lease_s: float
    me: str = field(default_factory=lambda: uuid.uuid4().hex)

    def lead(self) -> bool:
        """Whether this caller is the one to ask. A leader that was killed loses the lead after `lease_s`."""
        now = to_us(self.clock.now())
        until = now + to_us(self.lease_s)
        return sql.write(_TAKE, {"key": self.key, "me": self.me, "until": until, "now": now}) is not None

    def land(self, error: GatewayError | None = None) -> None:
        """The leader has its answer: in the cache, or as an `error` that the others share."""
        mine = f"{LEASE} WHERE key = %s AND holder = %s"
        if error is None:
            sql.write(f"DELETE FROM {mine} RETURNING key", [self.key, self.me])
            return
        now = to_us(self.clock.now())
        after = "" if error.retry_after_s is None else error.retry_after_s
        sql.write(
            f"UPDATE {LEASE} SET until = %s, error = %s WHERE key = %s AND holder = %s RETURNING key",
            [now, f"{error.reason}:{after}:{error}"[:200], self.key, self.me],
        )
        sql.write(f"DELETE FROM {LEASE} WHERE until < %s RETURNING key", [now - to_us(FORGET_S)])

    def join(self, answer: Callable[[], T | None], *, until: float) -> T | None:
        """Wait for the leader. None: it is gone without an answer that can be had, so `lead` may be tried again.

        Raises the leader's error, and UpstreamTimeout where it is still at it at `until`.
        """
        leader = sql.read(_LOOK, [self.key])
        pause = POLL_FIRST_S
        while self.clock.now() < until:
            found = answer()
            if found is not None:
                return found
            row = sql.read(_LOOK, [self.key])
            if row is None or leader is None or row[0] != leader[0]:
                return answer()  # landed between the two looks, or someone else leads by now
            if row[2]:
                reason, after, message = str(row[2]).split(":", 2)
                raise BY_REASON.get(reason, GatewayError)(message, retry_after_s=float(after) if after else None)
            if row[1] <= to_us(self.clock.now()):
                return None
            self.clock.sleep(pause)
            pause = min(POLL_MOST_S, pause * 2)
        raise UpstreamTimeout("the same question is still being asked")
