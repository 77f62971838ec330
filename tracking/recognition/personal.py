"""What this person has eaten before: people eat the same things, from the same plates, at the same tables.

Learns from confirmed photos alone, within milliseconds, so nothing has to be trained beforehand: a model is made from
the person's examples when it is needed. Training (`learning`) makes it better, where there are weights; the examples
are those of this moment all the same. A dish is the set of foods that was confirmed together.

A distance to a dish is half that to its nearest example and half that to the mean of all its examples, in a space
where directions count less in which photos of the same dish differ (within-class whitening: for this person, these are
their tables, plates and lamps). How confident it is follows from how much nearer the nearest dish is than the next,
and from how far photos of the same dish usually are from each other; see docs/how-photos-are-recognised.md.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import ClassVar

from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.models import fold
from tracking.models import Example, ExampleFood, Recogniser
from tracking.models.photos import ExampleQuerySet
from tracking.recognition import features
from tracking.recognition.arrays import Array, np
from tracking.recognition.base import SURE, Candidate, CannotAnswer, Picture
from tracking.recognition.weights import Weights

log = logging.getLogger(__name__)
Key = tuple[str, str]  # as `Candidate.key`
Dish = frozenset[Key]
MOST_EXAMPLES = 1500  # the latest: what somebody ate years ago says little about today
MOST_SHOWN = 4  # dishes to choose from
LEAST_CONFIDENCE = 0.05  # below that it is not worth a line
# Fewer photos of a dish do not tell how it varies, and without other dishes there is nothing to tell it from: a best
# guess is offered then, never taken as sure.
SURE_FROM_PHOTOS, SURE_FROM_DISHES = 3, 4
NEVER_SURE = SURE - 0.05
LEAST_DIFFERENCES = 6  # between photos of the same dish, before directions are weighed by them
UNKNOWN_DISTANCE = 1.5  # times the usual one: what is assumed while nothing is known of that
SHRINKAGE = 1.5  # how much all directions count alike; the fewer examples, the more is chance
# With what was learned there is less chance in it. Both found with the dishes of benchmarks/recognition.py; between
# half and twice as much little changes.
SHRINKAGE_LEARNED, LEARNED_COUNTS = 0.5, 2.0


@dataclass(frozen=True)
class Calibration:
    """How confident to be: a logistic regression of "the nearest dish is the right one" on `Near.evidence`."""

    intercept: float
    of_ratio: float
    of_distance: float


# Over the drawn dishes: `python -m benchmarks.recognition --calibrate`. The intercepts are 0.75 lower than that finds,
# because people with few dishes meet more that they never confirmed.
UNTRAINED, TRAINED = Calibration(1.06, 15.11, -2.22), Calibration(2.44, 16.05, -3.02)


@dataclass(frozen=True)
class Sample:
    """One confirmed photo."""

    features: Array
    dish: Dish


@dataclass(frozen=True)
class Guess:
    dish: Dish
    confidence: float  # 0 to 1


@dataclass(frozen=True)
class Near:
    """How near the nearest dishes are: what a confidence is made of. `usual` is None where nothing is known of it."""

    dishes: tuple[Dish, ...]
    distances: tuple[float, ...]
    photos: int  # of the nearest
    usual: float | None

    @property
    def evidence(self) -> tuple[float, float]:
        """log(next / nearest), and nearest / usual; both as they are used."""
        nearest = max(self.distances[0], 1e-6)
        ratio = np.log(self.distances[1] / nearest) if len(self.distances) > 1 else 0.0
        return float(min(ratio, 2.0)), nearest / self.usual if self.usual else UNKNOWN_DISTANCE


class PersonalModel:
    """Made of a person's samples, at least one. The same samples and weights make the same model."""

    def __init__(self, samples: Sequence[Sample], weights: Weights | None = None) -> None:
        by_dish: dict[Dish, list[Array]] = defaultdict(list)
        for sample in samples:
            by_dish[sample.dish].append(sample.features)
        self._dishes = list(by_dish)
        groups = [np.stack(by_dish[dish]).astype(np.float64) for dish in self._dishes]
        self._space = _space(groups, weights)
        self._calibration = TRAINED if weights else UNTRAINED
        self._examples = [group if self._space is None else group @ self._space for group in groups]
        self._means = np.stack([group.mean(axis=0) for group in self._examples])
        self._usual = self._usual_distance()

    def near(self, seen: Array, *, without: Dish | None = None) -> Near:
        """`without`: as if this dish had never been confirmed; there are others."""
        point = seen.astype(np.float64) if self._space is None else seen.astype(np.float64) @ self._space
        to_means = np.linalg.norm(self._means - point, axis=1)
        to_nearest = np.array([np.linalg.norm(group - point, axis=1).min() for group in self._examples])
        distances = (to_means + to_nearest) / 2
        order = [place for place in np.argsort(distances, kind="stable") if self._dishes[place] != without]
        return Near(
            tuple(self._dishes[place] for place in order),
            tuple(float(distances[place]) for place in order),
            len(self._examples[order[0]]),
            self._usual,
        )

    def guesses(self, seen: Array) -> list[Guess]:
        """The dishes that it may be, the most likely first; none where all are unlikely."""
        return [each for each in self.shares(self.near(seen)) if each.confidence >= LEAST_CONFIDENCE]

    def shares(self, near: Near) -> list[Guess]:
        """The same, however unlikely. What is left of 1 is the share of anything else."""
        best = confidence(near, dishes=len(self._dishes), calibration=self._calibration)
        # What is left is shared out among the others, by how near they are.
        weights = [(near.distances[0] / max(each, 1e-6)) ** 8 for each in near.distances[1:MOST_SHOWN]]
        others = [(1 - best) * weight / (1 + sum(weights)) for weight in weights]
        return [Guess(dish, each) for dish, each in zip(near.dishes, [best, *others], strict=False)]

    def _usual_distance(self) -> float | None:
        """Of a photo to the others of its dish, in the median over dishes with at least three photos."""
        found = []
        for group in self._examples:
            if len(group) < SURE_FROM_PHOTOS:
                continue
            for place in range(len(group)):
                others = np.delete(group, place, axis=0)
                to_nearest = np.linalg.norm(others - group[place], axis=1).min()
                found.append((to_nearest + np.linalg.norm(others.mean(axis=0) - group[place])) / 2)
        return float(np.median(found)) if found else None


def confidence(near: Near, *, dishes: int, calibration: Calibration = UNTRAINED) -> float:
    """That the nearest dish is the right one."""
    ratio, distance = near.evidence
    score = calibration.intercept + calibration.of_ratio * ratio + calibration.of_distance * distance
    likely = 1 / (1 + np.exp(-score))
    few = near.photos < SURE_FROM_PHOTOS or dishes < SURE_FROM_DISHES
    return float(min(likely, NEVER_SURE) if few else likely)


def _space(groups: Sequence[Array], weights: Weights | None) -> Array | None:
    """The linear map in which photos of the same dish differ alike in all directions; None for too few photos."""
    within = _within(groups)
    if weights is None:
        return None if within is None else _whitening(within, shrinkage=SHRINKAGE)
    learned = LEARNED_COUNTS * weights.scatter
    return _whitening(learned if within is None else within + learned, shrinkage=SHRINKAGE_LEARNED)


def _within(groups: Sequence[Array]) -> Array | None:
    """How photos of the same dish differ from their mean, as covariances; None for too few photos."""
    differences = [
        (group - group.mean(axis=0)) * np.sqrt(len(group) / (len(group) - 1)) for group in groups if len(group) > 1
    ]
    if sum(len(each) - 1 for each in differences) < LEAST_DIFFERENCES:
        return None
    stacked = np.concatenate(differences)
    scatter: Array = stacked.T @ stacked / len(stacked)
    return scatter


def _whitening(scatter: Array, *, shrinkage: float) -> Array:
    """The map after which what varies as `scatter` says varies alike in all directions."""
    scatter = scatter + shrinkage * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    variances, directions = np.linalg.eigh(scatter)
    space: Array = directions / np.sqrt(np.maximum(variances, 1e-12))
    return space


# --- The stage ------------------------------------------------------------------------------------------------------
class PersonalStage:
    name: ClassVar[str] = "personal"

    def look(self, picture: Picture) -> Sequence[Candidate]:
        examples = list(
            latest_examples(picture.user).filter(version=features.VERSION).exclude(photo=picture.photo)[:MOST_EXAMPLES]
        )  # what was said of this very photo is no opinion about it
        foods: dict[Key, list[ExampleFood]] = defaultdict(list)
        samples = []
        for example in examples:
            for food in example.foods.all():
                foods[_key(food)].append(food)
            if dish := dish_of(example):
                samples.append(Sample(features.unpacked(bytes(example.features)), dish))
        if not samples:
            raise CannotAnswer("unsure", _("Nothing was learned from your photos yet; confirm some."))
        try:
            seen = features.of_photo(picture.photo)
        except OSError as error:
            raise CannotAnswer("trouble", _("The file of this photo is gone.")) from error
        guesses = PersonalModel(samples, weights_of(picture.user)).guesses(seen)
        if not guesses:
            raise CannotAnswer("unsure", _("This looks like none of the photos that you confirmed."))
        return [self._candidate(foods[key], guess.confidence) for guess in guesses for key in sorted(guess.dish)]

    def _candidate(self, said: Sequence[ExampleFood], confidence: float) -> Candidate:
        """`said` is what the person said of this food, the latest first."""
        food = said[0]
        grams = [each.grams for each in said if each.grams is not None]
        return Candidate(
            food.name,
            confidence,
            self.name,
            product=str(food.product.uuid) if food.product else "",
            recipe=food.recipe_id,
            search="" if food.product or food.recipe_id else food.name,
            grams=median(grams).quantize(Decimal("0.1")) if grams else None,
        )


def latest_examples(user: User) -> ExampleQuerySet:
    """Of this person, with their foods; the newest first."""
    named = Example.objects.owned_by(user).prefetch_related("foods__product", "foods__recipe")
    return named.order_by("-created_at", "-pk")


def dish_of(example: Example) -> Dish:
    """Empty where its foods are gone. Reads foods: prefetch them in lists."""
    return frozenset(map(_key, example.foods.all()))


def weights_of(user: User) -> Weights | None:
    """Of the recogniser in use. None where there is none, or none that can be trusted: then it is done untrained."""
    row = Recogniser.objects.owned_by(user).active().first()
    return trusted(row) if row else None


def trusted(row: Recogniser) -> Weights | None:
    """None for damaged weights, and for those of other features, which mean something else."""
    if row.features != features.VERSION:
        return None
    try:
        if row.whole:
            return Weights.unpacked(bytes(row.weights))
    except ValueError:
        pass
    log.warning("recogniser %s is damaged and not used", row)
    return None


def _key(food: ExampleFood) -> Key:
    if food.product:
        return "product", str(food.product.uuid)
    return ("recipe", str(food.recipe_id)) if food.recipe_id is not None else ("name", fold(food.name))
