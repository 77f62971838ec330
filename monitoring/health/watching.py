"""The watch: makes the checks, concludes, tries remedies, tells somebody, and keeps what it knows.

Its own thread never touches the database, a network or anything else that may hang: all that is an `Errand`.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.db import Error as DatabaseTrouble
from django.db import models, transaction
from django.utils import timezone

from monitoring.health import alerts, healing, snapshot
from monitoring.health.conditions import (
    Condition,
    Happened,
    Impact,
    Result,
    Status,
    advance,
    aggregate,
    healed,
)
from monitoring.health.errands import Errand
from monitoring.health.watched import Watched, all_watched, impacts
from monitoring.models import WRITTEN, Alert, Check, Flip, HealAttempt

log = logging.getLogger(__name__)
GATHER_S = 1.0  # a round waits so long for its checks; what takes longer is heard in the next one
KEPT_EVERY_S = 10.0  # rows of checks in which nothing happened
MOST_UNSAVED = 2_000  # rows, while the database is away
ALARMING = {Happened.CONFIRMED, Happened.FLAPPING}  # not worth anybody's sleep where a check only informs
RECALL_S = 3.0  # what was known before is waited for, but not for ever


class Watch:
    """One service's watch. `round` is called every two seconds and takes about one at most."""

    def __init__(
        self, watched: Iterable[Watched] | None = None, *, now: Callable[[], dt.datetime] = timezone.now
    ) -> None:
        self.now = now
        self.watched = all_watched() if watched is None else {each.name: each for each in watched}
        self.conditions: dict[str, Condition] = {name: Condition() for name in self.watched}
        self.results: dict[str, Result] = {}
        self.checked_at: dict[str, dt.datetime] = {}
        self.alerts: list[Alert] = []  # that are still to be sent
        self._looking: dict[str, Errand[Result]] = {}
        self._looked_at: dict[str, float] = {}
        self._hung: set[str] = set()
        self._healing: dict[str, Errand[list[HealAttempt]]] = {}
        self._asked: dict[str, str] = {}
        self._unsaved: list[models.Model] = []
        self._being_saved: list[models.Model] = []
        self._saving: Errand[dict[str, str]] | None = None
        self._sending: Errand[list[Alert]] | None = None
        self._kept_at = 0.0
        self._changed = False
        self._recalling: Errand[tuple[dict[str, Condition], list[Alert]]] = Errand(lambda: recall(self.watched))
        self._recalling.join(RECALL_S)
        self._learn_what_was_known()

    # --- One round ----------------------------------------------------------------------------------------------
    def round(self) -> None:
        self._look()
        self._gather_heals()
        self._heal()
        self._publish()
        self._keep()
        self._send()

    def _look(self) -> None:
        for name, each in self.watched.items():
            if name not in self._looking and time.monotonic() - self._looked_at.get(name, -1e9) >= each.every_s:
                self._looked_at[name] = time.monotonic()
                self._looking[name] = Errand(each.look)
        ends = time.monotonic() + GATHER_S
        for name, errand in list(self._looking.items()):
            errand.join(max(0.0, ends - time.monotonic()))
            each = self.watched[name]
            if not errand.under_way:
                del self._looking[name]
                if name in self._hung:  # too late: the next one will say how it is now
                    self._hung.discard(name)
                else:
                    self._conclude(name, errand.result or _broken(errand.error))
            elif errand.age_s > each.limit_s and time.monotonic() - self._looked_at[name] >= each.every_s:
                self._looked_at[name] = time.monotonic()  # told again at the pace of the check, but not made again
                self._hung.add(name)
                self._conclude(name, _hung(errand.age_s))

    def _conclude(self, name: str, result: Result) -> None:
        now = self.now()
        before = self.conditions[name]
        after, happened = advance(before, result, now=now)
        self.results[name], self.checked_at[name] = result, now
        if self.impacts()[name] is Impact.INFO and not before.told:
            after, happened = replace(after, told=False), [each for each in happened if each not in ALARMING]
        self.conditions[name] = after
        if Happened.FLIPPED in happened:
            old = before.status if before.since else ""
            flip = Flip(check_name=name, at=now, from_status=old, to_status=after.status, message=result.message[:300])
            self._unsaved.append(flip)
            level = logging.INFO if after.status in {Status.HEALTHY, Status.DISABLED} else logging.WARNING
            log.log(level, "%s is %s: %s", name, after.status, result.message)
        self._tell(name, happened)
        self._changed = self._changed or bool(happened)

    def _tell(self, name: str, happened: Iterable[str]) -> None:
        for each in happened:
            alert = alerts.about(each, name, self.conditions[name], self.results[name], now=self.now())
            if alert is not None:
                self.alerts.append(alert)
                self._unsaved.append(alert)

    # --- Healing ------------------------------------------------------------------------------------------------
    def _gather_heals(self) -> None:
        for name, errand in list(self._healing.items()):
            if errand.under_way:
                continue
            del self._healing[name]
            _report(f"mending {name}", errand.error)
            self._unsaved += errand.result or []
            self._changed = True
            self._looked_at.pop(name, None)  # look again at once

    def _heal(self) -> None:
        asked, self._asked = self._asked, {}
        for name, each in self.watched.items():
            if name in self._healing:
                if name in asked:
                    self._asked[name] = asked[name]
                continue
            by = asked.get(name, "")
            condition, now = self.conditions[name], self.now()
            kind = self.results[name].kind if name in self.results else ""
            heals = list(each.heals) if by else healing.due(each.heals, condition, kind=kind, now=now)
            if not heals:
                continue
            if by or healing.counts(each.heals, heals):
                self.conditions[name] = healed(condition, now=now, by_hand=bool(by))
                if self.conditions[name].exhausted and not condition.exhausted:
                    self._tell(name, [alerts.EXHAUSTED])
            self._healing[name] = Errand(_mending(each, heals, by))

    # --- Telling ------------------------------------------------------------------------------------------------
    def impacts(self) -> dict[str, Impact]:
        return impacts(self.watched, {name: each.status for name, each in self.conditions.items()})

    def status(self) -> Status:
        counted = self.impacts()
        return aggregate({name: (each.status, counted[name]) for name, each in self.conditions.items()})

    def _publish(self) -> None:
        status, counted = self.status(), self.impacts()
        checks = {name: self._shown(name, counted[name]) for name in self.watched if name in self.results}
        bad = {
            name: each["message"]
            for name, each in checks.items()
            if each["status"] in {Status.UNHEALTHY, Status.DEGRADED} and each["impact"] != Impact.INFO
        }
        message = "; ".join(f"{name}: {words}" for name, words in bad.items()) or "All is well."
        try:
            snapshot.write(status, message, checks, now=self.now())
        except OSError as error:
            log.error("the snapshot could not be written: %s", error)

    def _shown(self, name: str, impact: Impact) -> dict[str, Any]:
        condition, result = self.conditions[name], self.results[name]
        return {
            "status": condition.status,
            "message": result.message,
            "response_time_ms": result.response_ms,
            "checked_at": self.checked_at[name].isoformat(),
            "details": dict(result.details),
            "kind": result.kind,
            "impact": impact,
            "phase": condition.phase,
            "since": condition.since.isoformat() if condition.since else None,
            "exhausted": condition.exhausted,
            "flapping": condition.flapping,
            "mending": name in self._healing,
        }

    # --- Keeping ------------------------------------------------------------------------------------------------
    def _learn_what_was_known(self) -> None:
        """Once, as soon as the database says it. What was measured meanwhile is newer."""
        if self._recalling.under_way:
            return
        if self._recalling.result is None:
            self._recalling = Errand(lambda: recall(self.watched))
            return
        conditions, unsent = self._recalling.result
        self.conditions |= {name: each for name, each in conditions.items() if name not in self.results}
        known = {each.pk for each in self.alerts}  # of this watch itself, written since it began
        self.alerts = [*(each for each in unsent if each.pk not in known), *self.alerts]
        self._recalled = True

    _recalled = False

    def _keep(self) -> None:
        """Rows, changes, tries and alerts, in one transaction; what cannot be written now is written later."""
        if self._saving is not None:
            if self._saving.under_way:
                return
            self._saved(self._saving)
        if not self._recalled:
            self._learn_what_was_known()
        due = self._changed or time.monotonic() - self._kept_at >= KEPT_EVERY_S
        rows: list[models.Model] = []
        if due:
            counted = self.impacts()
            rows = [
                Check.of(name, counted[name], self.conditions[name], result, at=self.checked_at[name])
                for name, result in self.results.items()
            ]
            self._kept_at, self._changed = time.monotonic(), False
        batch, self._unsaved = self._unsaved[-MOST_UNSAVED:], []
        self._being_saved = batch
        self._saving = Errand(lambda: _save(rows, batch))
        self._saving.join(GATHER_S)

    def _saved(self, saving: Errand[dict[str, str]]) -> None:
        """What came of it. Here and not in its thread: this one has perhaps gathered more meanwhile."""
        self._asked |= saving.result or {}
        if isinstance(saving.error, DatabaseTrouble):
            log.error("the watch could not write what it found: %s", saving.error)
            self._unsaved = [*self._being_saved, *self._unsaved]
            self._changed = True
        else:
            _report("keeping", saving.error)

    def _send(self) -> None:
        if self._sending is not None:
            if self._sending.under_way:
                return
            _report("sending alerts", self._sending.error)
            tried = self._sending.result or []
            self._unsaved += tried
            self._changed = self._changed or bool(tried)
            self.alerts = [each for each in self.alerts if not alerts.done(each)]
            self._sending = None
        if any(alerts.is_due(each, now=self.now()) for each in self.alerts):
            waiting = list(self.alerts)
            self._sending = Errand(lambda: alerts.send(waiting))


def _save(rows: list[models.Model], batch: list[models.Model]) -> dict[str, str]:
    """All of it, or nothing. Returns what operators ask for."""
    with transaction.atomic():
        _upsert(Check, rows, WRITTEN)
        _upsert(Flip, batch, None)
        _upsert(HealAttempt, batch, None)
        _upsert(Alert, batch, ["mailed_at", "hooked_at", "tries", "next_try_at"])
        return taken_requests()


def _mending(each: Watched, heals: list[type[healing.Heal]], by: str) -> Callable[[], list[HealAttempt]]:
    return lambda: healing.mend(each.name, heals, look=each.look, by=by)


def _report(what: str, error: Exception | None) -> None:
    if error is not None:
        log.error("%s did not succeed", what, exc_info=error)


def _broken(error: Exception | None) -> Result:
    return Result(Status.UNHEALTHY, f"The check itself failed ({type(error).__name__}).", kind="check_error")


def _hung(age_s: float) -> Result:
    message = f"The check has not answered for {age_s:.0f} s."
    return Result(Status.UNHEALTHY, message, kind="check_timeout", response_ms=round(age_s * 1000, 1))


def _upsert(model: type[models.Model], rows: list[models.Model], changed: list[str] | None) -> None:
    """Those of `rows` that are of this kind. Writing one twice is writing it once."""
    mine = list({row.pk: row for row in rows if isinstance(row, model)}.values())
    if changed is None:
        model._default_manager.bulk_create(mine, ignore_conflicts=True)
    else:
        key = model._meta.pk.name
        model._default_manager.bulk_create(mine, update_conflicts=True, unique_fields=[key], update_fields=changed)


def taken_requests() -> dict[str, str]:
    """What operators asked to be mended, by check; asked once, done once."""
    asked = dict(Check.objects.exclude(asked_by="").values_list("name", "asked_by"))
    if asked:
        Check.objects.filter(name__in=asked).update(asked_by="")
    return asked


def recall(watched: Iterable[str]) -> tuple[dict[str, Condition], list[Alert]]:
    """What was known when the watch ended: conditions, and alerts that were not sent. Forgets checks that are gone."""
    names = list(watched)
    Check.objects.exclude(name__in=names).delete()
    return {row.name: row.condition for row in Check.objects.all()}, alerts.unsent()
