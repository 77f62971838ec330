"""How well recognition does on photos that it did not learn from, and which of two versions does better.

Every photo is asked about twice: once with its dish known, once as if that had never been confirmed, when the only
right answer is "I don't know".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tracking.recognition.base import SURE
from tracking.recognition.personal import Dish, PersonalModel, Sample
from tracking.recognition.weights import Weights

HELD_OUT_FROM = 3  # photos of a dish; of fewer none can be spared
LEAST_SHARE = 0.01  # what a right answer counts that was given no share at all


@dataclass(frozen=True)
class Figures:
    """`log_loss` is the mean of -ln(the share that the right answer was given) over both questions about each photo."""

    photos: int
    right: int  # photos whose dish was its first guess
    sure: int  # of these, so sure that the person need not be asked
    wrong_sure: int  # sure answers that were wrong, of twice as many as `photos`
    log_loss: float

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """`mistaken` counts (dish, what it was taken for): the confusion matrix without its zeros, right answers too."""

    figures: Figures
    mistaken: Mapping[tuple[Dish, Dish], int]


def divided(samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Places to learn from, and places to hold out: the latest quarter of every dish. `samples`: the newest first."""
    by_dish: dict[Dish, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        by_dish[sample.dish].append(place)
    held_out = {
        place
        for places in by_dish.values()
        if len(places) >= HELD_OUT_FROM
        for place in places[: max(1, len(places) // 4)]
    }
    return [place for place in range(len(samples)) if place not in held_out], sorted(held_out)


def evaluate(known: Sequence[Sample], new: Sequence[Sample], weights: Weights | None) -> Evaluation:
    """`new`: at least one, each of a dish that is among the `known`, of which there are two or more."""
    model = PersonalModel(known, weights)
    losses: list[float] = []
    right = sure = wrong_sure = 0
    mistaken: Counter[tuple[Dish, Dish]] = Counter()
    for sample in new:
        guesses = model.shares(model.near(sample.features))
        best = guesses[0]
        mistaken[sample.dish, best.dish] += 1
        right += best.dish == sample.dish
        sure += best.dish == sample.dish and best.confidence >= SURE
        wrong_sure += best.dish != sample.dish and best.confidence >= SURE
        losses.append(_loss(sum(each.confidence for each in guesses if each.dish == sample.dish)))
        strange = model.shares(model.near(sample.features, without=sample.dish))
        wrong_sure += strange[0].confidence >= SURE
        losses.append(_loss(1 - sum(each.confidence for each in strange)))
    return Evaluation(Figures(len(new), right, sure, wrong_sure, round(sum(losses) / len(losses), 4)), mistaken)


def _loss(share: float) -> float:
    return -math.log(max(share, LEAST_SHARE))


def better(one: Figures, other: Figures) -> bool:
    """Whether `one` is to take the place of `other`: a smaller log loss, and not a single sure mistake more."""
    return one.log_loss < other.log_loss and one.wrong_sure <= other.wrong_sure
