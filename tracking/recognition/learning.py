"""What training learns of one person's photos: how photos of one dish differ, and how sure it may be.

How much confirmed photos of the same dish differ is seen at every look (`personal`). Training adds how much a photo
differs from its variants (`variants`): so many more that light, angle and distance are told from food long before a
dish was photographed often. That takes seconds to minutes, which is why it is done beforehand and kept.

How sure it may be is asked of the person's own photos: a part of them is looked at as if it were new, by what was
learned from the rest (cross-validation), once with its dish known and once as if that had never been confirmed. The
fewer photos, the more the figures of the drawn dishes count (a Gaussian prior around them).
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from tracking.recognition.features import Array
from tracking.recognition.personal import SURE_FROM_PHOTOS, Dish, Near, PersonalModel, Sample
from tracking.recognition.weights import Calibration, Weights

# As `personal.UNTRAINED`, in the space that is learned, the intercept lower by as much: `python -m
# benchmarks.recognition --calibrate`.
USUAL = Calibration(2.44, 16.05, -3.02)
PRECISION = np.array([4.0, 0.2, 4.0])  # of the prior: one over its variance
FOLDS = 5
STEPS = 30  # of Newton's method; a dozen are enough


@dataclass(frozen=True)
class Lesson:
    """A confirmed photo, and how the features of its variants differ from its own: a row each, or none."""

    sample: Sample
    moved: Array


def train(lessons: Sequence[Lesson]) -> Weights:
    """The same lessons give the same weights."""
    return Weights(_scatter(lessons), _calibrated(lessons))


def _scatter(lessons: Sequence[Lesson]) -> Array:
    """Nothing but zeros where no photo is left to be shown in another light."""
    moved = np.concatenate([lesson.moved for lesson in lessons]).astype(np.float64)
    scatter: Array = moved.T @ moved / max(1, len(moved))
    return scatter


# --- How sure it may be ---------------------------------------------------------------------------------------------
def _calibrated(lessons: Sequence[Lesson]) -> Calibration:
    """Logistic regression by Newton's method from, and towards, `USUAL`."""
    evidence, right = _asked(lessons)
    usual = np.array(astuple(USUAL))
    found = usual.copy()
    for _ in range(STEPS if len(right) else 0):
        likely = 1 / (1 + np.exp(-np.clip(evidence @ found, -30, 30)))
        slope = evidence.T @ (right - likely) - PRECISION * (found - usual)
        curve = (evidence * (likely * (1 - likely))[:, None]).T @ evidence + np.diag(PRECISION)
        found += np.linalg.solve(curve, slope)
    return Calibration(*map(float, found))


def _asked(lessons: Sequence[Lesson]) -> tuple[Array, Array]:
    """What every photo gave as evidence when it was looked at as a new one, and whether the nearest dish was right."""
    evidence: list[tuple[float, float, float]] = []
    right: list[bool] = []

    def take(near: Near, dish: Dish) -> None:
        if near.photos >= SURE_FROM_PHOTOS and near.usual is not None:  # of fewer it is never sure, whatever is learned
            evidence.append((1.0, *near.evidence))
            right.append(near.dishes[0] == dish)

    for new, rest in _folds(lessons):
        model = PersonalModel([lesson.sample for lesson in rest], Weights(_scatter(rest), USUAL))
        dishes = {lesson.sample.dish for lesson in rest}
        for lesson in new:
            seen, dish = lesson.sample.features, lesson.sample.dish
            take(model.near(seen), dish)
            if dishes - {dish} != dishes and len(dishes) > 1:
                take(model.near(seen, without=dish), dish)
    return np.array(evidence).reshape(-1, 3), np.array(right, float)


def _folds(lessons: Sequence[Lesson]) -> list[tuple[list[Lesson], list[Lesson]]]:
    """Each photo once among the new ones, the photos of a dish in as many different folds as there are."""
    chance = random.Random(len(lessons))
    by_dish: dict[Dish, list[int]] = defaultdict(list)
    for place, lesson in enumerate(lessons):
        by_dish[lesson.sample.dish].append(place)
    fold = np.zeros(len(lessons), int)
    for places in by_dish.values():
        for number, place in enumerate(chance.sample(places, len(places))):
            fold[place] = number % FOLDS
    folds = []
    for number in range(FOLDS):
        new = [lesson for lesson, own in zip(lessons, fold, strict=True) if own == number]
        rest = [lesson for lesson, own in zip(lessons, fold, strict=True) if own != number]
        if new and rest:
            folds.append((new, rest))
    return folds
