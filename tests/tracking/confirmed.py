"""Confirmed photos, as the numbers that recognition keeps of them: drawing and looking at photos would take seconds."""

import datetime as dt

import numpy as np

from tracking.models import Example, ExampleFood, Recogniser
from tracking.models.recognisers import checksum
from tracking.recognition import features
from tracking.recognition.weights import Weights
from tracking.services.photos import looks_of, teach

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SIDE = 12
BLIND = 1e6 * np.diag([1.0] * 8 + [0.0] * (SIDE - 8))  # takes what tells these dishes apart for the light
PLAIN = np.zeros((SIDE, SIDE))


def confirmed(user, *, dishes=5, photos=4, spread=0.15, seed=1, since=NOON):
    """Examples of dishes "meal 0", "meal 1", …, a minute after each other."""
    chance = np.random.default_rng(seed)
    middles = np.eye(SIDE)[:dishes]
    made = []
    for number in range(dishes * photos):
        middle = middles[number % dishes]
        looks = features.packed(middle + chance.normal(0, spread / SIDE**0.5, SIDE))
        at = since + dt.timedelta(minutes=number)
        example = Example.objects.create(user=user, version=features.VERSION, features=looks, created_at=at)
        ExampleFood.objects.create(example=example, name=f"meal {number % dishes}")
        made.append(example)
    return made


def make_recogniser(user, *, version=1, scatter=BLIND, **changes):
    weights = Weights(scatter).packed()
    values = {
        "state": Recogniser.State.ACTIVE, "weights": weights, "sha256": checksum(weights),
        "features": features.VERSION, "created_at": NOON,
    }  # fmt: skip
    return Recogniser.objects.create(user=user, version=version, **{**values, **changes})


def damage(row):
    """As a disk that flips a bit."""
    broken = bytearray(row.weights)
    broken[7] ^= 1
    Recogniser.objects.filter(pk=row.pk).update(weights=bytes(broken))


def taught(*, photo, foods, now):
    """What `drafts.confirm` teaches of a photo."""
    return teach(photo=photo, looks=looks_of(photo), foods=foods, now=now)
