"""What of the service's history may go, and after how long."""

import datetime as dt
from typing import Any

from django.db import models

from monitoring.models import Alert, Flip
from workflows import cleaning

KEPT = dt.timedelta(days=90)


@cleaning.may_go("old alerts")
def _alerts(now: dt.datetime) -> "models.QuerySet[Any]":
    return Alert.objects.filter(made_at__lt=now - KEPT, mailed_at__isnull=False, hooked_at__isnull=False)


@cleaning.may_go("old changes of health")
def _flips(now: dt.datetime) -> "models.QuerySet[Any]":
    return Flip.objects.filter(at__lt=now - KEPT)
