"""Writing weights and measurements. What is deleted can be put back for a day."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core import signing
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from tracking.errors import Conflict, Refused, gone
from tracking.models import Measurement, MeasurementKind, WeightEntry
from tracking.models.body import LEAST_WEIGHT_KG, MOST_WEIGHT_KG
from tracking.services.diary import EARLIEST, UNDO_FOR
from tracking.units import units_of_person, weight_text

MOST_KINDS = 50
MOST_VALUE = Decimal("999999.999")
_PUT_BACK = "tracking.services.body.put_back"
Row = TypeVar("Row", bound=models.Model)


# --- Weight -----------------------------------------------------------------------------------------------------
def weigh(user: User, *, weight_kg: Decimal, day: dt.date, time: dt.time, note: str = "") -> WeightEntry:
    """Write a weight down. Raises Refused; Conflict where there is one of that minute already."""
    _check_day(user, day)
    return _saved_weight(WeightEntry(user=user, weight_kg=weight_kg, day=day, time=time, note=note))


def change_weight(entry: WeightEntry, changes: Mapping[str, Any]) -> WeightEntry:
    """Change `weight_kg`, `day`, `time` or `note`. Raises Refused and Conflict as `weigh` does."""
    with transaction.atomic():
        there = _changed(entry, changes, ("weight_kg", "day", "time", "note"))
        there.user = entry.user
        if there.day != entry.day:  # who flew west may still correct what they weighed "tomorrow"
            _check_day(there.user, there.day)
        return _saved_weight(there)


def _changed(row: Row, changes: Mapping[str, Any], columns: Sequence[str]) -> Row:
    """The row as it is now, locked, with `changes` to `columns`, not saved. Raises Conflict where it is gone."""
    there: Row | None = type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
    if there is None:
        raise gone()
    for name in changes.keys() & set(columns):
        setattr(there, name, changes[name])
    return there


def _saved_weight(entry: WeightEntry) -> WeightEntry:
    if not LEAST_WEIGHT_KG <= entry.weight_kg <= MOST_WEIGHT_KG:
        unit = units_of_person(entry.user).weight
        bounds = {"least": weight_text(LEAST_WEIGHT_KG, unit), "most": weight_text(MOST_WEIGHT_KG, unit)}
        raise Refused(_("A weight is between %(least)s and %(most)s.") % bounds, field="weight_kg")
    entry.time = _minute(entry.time)
    taken = _("There is a weight of %(time)s on that day already. Change that one, or say another time.")
    _save(entry, taken=taken % {"time": f"{entry.time:%H:%M}"})
    return entry


def _minute(time: dt.time) -> dt.time:
    """Scales of one minute are one weighing."""
    return time.replace(second=0, microsecond=0, tzinfo=None)


def _check_day(user: User, day: dt.date) -> None:
    if day < EARLIEST:
        raise Refused(_("Choose a day between 1900 and today."), field="date")
    if day > user.wall_clock(timezone.now()).date():
        raise Refused(_("That day has not come yet."), field="date")


def _save(row: models.Model, *, taken: str, field: str = "time") -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(taken, field=field) from error


# --- Measurements -----------------------------------------------------------------------------------------------
def add_kind(user: User, *, name: str, unit: str) -> MeasurementKind:
    """Something new to measure. Raises Refused; Conflict where there is one of that name."""
    if MeasurementKind.objects.owned_by(user).count() >= MOST_KINDS:
        raise Refused(_("You can measure %(most)d different things.") % {"most": MOST_KINDS})
    return _saved_kind(MeasurementKind(user=user, name=name, unit=unit))


def change_kind(kind: MeasurementKind, changes: Mapping[str, Any]) -> MeasurementKind:
    """Change `name` or `unit`; the values stay the numbers they are. Raises as `add_kind` does."""
    with transaction.atomic():
        return _saved_kind(_changed(kind, changes, ("name", "unit")))


def _saved_kind(kind: MeasurementKind) -> MeasurementKind:
    kind.name, kind.unit = " ".join(kind.name.split()), " ".join(kind.unit.split())
    if not kind.name or len(kind.name) > 60:
        raise Refused(_("Give it a name of at most 60 characters."), field="name")
    _save(kind, taken=_("You measure something of this name already."), field="name")
    return kind


def measure(kind: MeasurementKind, *, value: Decimal, day: dt.date, time: dt.time) -> Measurement:
    """Write a value down. Raises Refused; Conflict where there is one of that minute already."""
    _check_day(kind.user, day)
    return _saved_measurement(Measurement(kind=kind, value=value, day=day, time=time))


def change_measurement(entry: Measurement, changes: Mapping[str, Any]) -> Measurement:
    """Change `value`, `day` or `time`. Raises as `measure` does."""
    with transaction.atomic():
        there = _changed(entry, changes, ("value", "day", "time"))
        if there.day != entry.day:
            _check_day(entry.kind.user, there.day)
        return _saved_measurement(there)


def _saved_measurement(entry: Measurement) -> Measurement:
    if not 0 <= entry.value <= MOST_VALUE:
        raise Refused(_("A value is between 0 and 999,999."), field="value")
    entry.time = _minute(entry.time)
    taken = _("There is a value of %(time)s on that day already. Change that one, or say another time.")
    _save(entry, taken=taken % {"time": f"{entry.time:%H:%M}"})
    return entry


# --- Deleting, and putting back ---------------------------------------------------------------------------------
def delete_weight(entry: WeightEntry) -> str:
    """Delete it. Returns what `put_back` takes."""
    kept = {"user": entry.user_id, "weight_kg": str(entry.weight_kg), "note": entry.note, **_when(entry)}
    entry.delete()
    return signing.dumps(kept, salt=_PUT_BACK)


def delete_measurement(entry: Measurement) -> str:
    """Delete it. Returns what `put_back` takes."""
    kept = {"user": entry.kind.user_id, "kind": entry.kind_id, "value": str(entry.value), **_when(entry)}
    entry.delete()
    return signing.dumps(kept, salt=_PUT_BACK)


def _when(entry: WeightEntry | Measurement) -> dict[str, str]:
    return {
        "day": entry.day.isoformat(),
        "time": entry.time.isoformat(),
        "created_at": entry.created_at.isoformat(),
    }


def _deleted(user: User, token: str) -> WeightEntry | Measurement | None:
    """What a token would put back, not saved; None where it is not this person's, too old, or its kind is gone."""
    try:
        kept = signing.loads(token, salt=_PUT_BACK, max_age=UNDO_FOR)
    except signing.BadSignature:
        return None
    if kept["user"] != user.pk:
        return None
    when: dict[str, Any] = {
        "day": dt.date.fromisoformat(kept["day"]),
        "time": dt.time.fromisoformat(kept["time"]),
        "created_at": dt.datetime.fromisoformat(kept["created_at"]),
    }
    if "kind" not in kept:
        return WeightEntry(user=user, weight_kg=Decimal(kept["weight_kg"]), note=kept["note"], **when)
    kind = MeasurementKind.objects.owned_by(user).filter(pk=kept["kind"]).first()
    return Measurement(kind=kind, value=Decimal(kept["value"]), **when) if kind else None


def put_back(user: User, token: str) -> WeightEntry | Measurement:
    """Undo a deletion. Raises Refused where that is no longer possible, Conflict where its minute is taken."""
    entry = _deleted(user, token)
    if entry is None:
        raise Refused(_("This can no longer be put back."))
    _save(entry, taken=_("There is an entry of that time again already."))
    return entry
