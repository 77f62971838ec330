"""How well the recogniser that learns from a person's own photos does, on drawn dishes.

    python -m benchmarks.recognition                the tables in docs/how-photos-are-recognised.md
    python -m benchmarks.recognition --calibrate    the numbers in tracking/recognition/personal.py and learning.py

For every number of photos per food and of foods, several people confirm so many photos each; then they take photos of
the same foods, and of others that they never confirmed. "Sure" are answers that a person would not be asked about. A
sure answer is wrong if it is another food, or if it is any food for a dish that was never confirmed. Calibration uses
other photos than the tables do, and none of the dishes in UNSEEN. "Trained" is what recognises after training: what
was learned where that did better on the photos that were held out, otherwise what there was before.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.dishes import DISHES, STRANGERS, photo

if TYPE_CHECKING:
    from tracking.recognition.arrays import Array
    from tracking.recognition.personal import Calibration, Near, Sample
    from tracking.recognition.weights import Weights

BY_NAME = {dish.name: dish for dish in DISHES + STRANGERS}
UNSEEN = [dish.name for dish in STRANGERS[5:]]
PEOPLE = 12
TAUGHT, ASKED = 8, 6  # photos of each dish: to choose the confirmed ones from, and to ask about
Looks = dict[str, list["Array"]]
Learner = Callable[[Sequence["Sample"], Sequence["Array"]], "Weights | None"]


@dataclass(frozen=True)
class Asked:
    """One photo that was asked about; `dish` is empty where it was never confirmed."""

    dish: str
    near: "Near"
    dishes: int
    calibration: "Calibration"
    trained: bool

    @property
    def right(self) -> bool:
        return self.near.dishes[0] == frozenset({("name", self.dish)})

    @property
    def confidence(self) -> float:
        from tracking.recognition.personal import confidence

        return confidence(self.near, dishes=self.dishes, calibration=self.calibration)


@dataclass(frozen=True)
class Seen:
    """Of every dish the features of its photos, and of those that may be confirmed also how their variants differ."""

    looks: Looks
    moved: Looks
    seconds: list[float]


def look(job: tuple[str, int, bool]) -> tuple["Array", "Array", float]:
    """The features of one photo, how those of its variants differ, and the seconds that the former took."""
    from tracking.recognition.features import of_image
    from tracking.recognition.variants import of_picture

    name, number, taught = job
    image = photo(BY_NAME[name], number)
    began = time.process_time()
    features = of_image(image)
    seconds = time.process_time() - began
    moved = of_picture(image, seed=f"{name} {number}") - features if taught else np.empty((0, len(features)))
    return features, moved, seconds


def looks(names: Sequence[str], first: int) -> Seen:
    taught = {dish.name for dish in DISHES}
    jobs = [
        (name, first + number, number < TAUGHT and name in taught) for name in names for number in range(TAUGHT + ASKED)
    ]
    with ProcessPoolExecutor(initializer=set_up) as pool:
        found = list(pool.map(look, jobs, chunksize=16))
    seen = Seen({name: [] for name in names}, {name: [] for name in names}, [seconds for *_rest, seconds in found])
    for (name, *_rest), (features, moved, _seconds) in zip(jobs, found, strict=True):
        seen.looks[name].append(features)
        seen.moved[name].append(moved)
    return seen


def set_up() -> None:
    import django

    django.setup()


def untrained(samples: Sequence["Sample"], moved: Sequence["Array"]) -> None:
    """As recognition is before any training."""


def learned(samples: Sequence["Sample"], moved: Sequence["Array"]) -> "Weights":
    """What is learned of all photos, whether or not it is better."""
    from tracking.recognition.learning import train

    return train(moved)


def trained(samples: Sequence["Sample"], moved: Sequence["Array"]) -> "Weights | None":
    """As a run of training does it: learned from a part, used where that does better on the rest."""
    from tracking.recognition.evaluation import better, divided, evaluate
    from tracking.recognition.learning import train

    kept, held_out = divided(samples)
    if not held_out:
        return None
    weights = train([moved[place] for place in kept])
    known, new = [samples[place] for place in kept], [samples[place] for place in held_out]
    now, before = (evaluate(known, new, each).figures for each in (weights, None))
    return weights if better(now, before) else None


def people(
    seen: Seen, *, photos: int, foods: int, strangers: Sequence[str], seed: str, learn: Learner = untrained
) -> Iterator[Asked]:
    from tracking.recognition.personal import TRAINED, UNTRAINED, PersonalModel, Sample

    chance = random.Random(f"{seed} {photos} {foods}")
    names = [dish.name for dish in DISHES]
    for _person in range(PEOPLE):
        mine = chance.sample(names, foods)
        confirmed = [(name, number) for name in mine for number in chance.sample(range(TAUGHT), photos)]
        samples = [Sample(seen.looks[name][number], frozenset({("name", name)})) for name, number in confirmed]
        weights = learn(samples, [seen.moved[name][number] for name, number in confirmed])
        model = PersonalModel(samples, weights)
        for name in (*mine, *strangers):
            for features in seen.looks[name][TAUGHT:]:
                near = model.near(features)
                yield Asked(name if name in mine else "", near, foods, TRAINED if weights else UNTRAINED, bool(weights))


def table(seen: Seen, *, learn: Learner, counts: Sequence[int]) -> str:
    from tracking.recognition.base import SURE

    strangers = [dish.name for dish in STRANGERS]
    lines = [
        "| foods | photos of each | right | among three | sure | sure and wrong | wrong of the sure |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    if learn is trained:
        lines = [lines[0] + " better and used |", lines[1] + " ---: |"]
    for foods in (4, 8, 16):
        for photos in counts:
            asked = list(people(seen, photos=photos, foods=foods, strangers=strangers, seed="table", learn=learn))
            known = [each for each in asked if each.dish]
            three = [frozenset({("name", each.dish)}) in each.near.dishes[:3] for each in known]
            sure = [each for each in asked if each.confidence >= SURE]
            wrong = [each for each in sure if not each.right]
            figures = (
                statistics.mean(each.right for each in known),
                statistics.mean(three),
                sum(1 for each in sure if each.dish) / len(known),
                len(wrong) / len(asked),
            )
            shares = " | ".join(f"{figure:.1%}" for figure in figures)
            of_sure = f"{len(wrong) / len(sure):.1%}" if sure else "none was sure"
            lines.append(f"| {foods} | {photos} | {shares} | {of_sure} |")
            if learn is trained:
                lines[-1] += f" {statistics.mean(each.trained for each in asked):.0%} |"
    return "\n".join(lines)


def calibrate(seen: Seen, *, learn: Learner) -> str:
    """Logistic regression by Newton's method, lightly held back; equal numbers of known and strange photos."""
    strangers = [dish.name for dish in STRANGERS if dish.name not in UNSEEN]
    asked = [
        each
        for foods in (4, 6, 8, 12, 16)
        for photos in (3, 4, 5, 8)
        for each in people(seen, photos=photos, foods=foods, strangers=strangers, seed="calibration", learn=learn)
    ]
    evidence = np.array([[1.0, *each.near.evidence] for each in asked])
    right = np.array([each.right for each in asked], float)
    strange = np.array([not each.dish for each in asked])
    weights = np.where(strange, 0.5 / strange.mean(), 0.5 / (1 - strange.mean()))
    found = np.zeros(evidence.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-evidence @ found))
        slope = evidence.T @ (weights * (right - likely)) - 1e-3 * found
        curve = (evidence * (weights * likely * (1 - likely))[:, None]).T @ evidence + 1e-3 * np.eye(len(found))
        found += np.linalg.solve(curve, slope)
    lines = [f"Calibration({found[0]:.2f}, {found[1]:.2f}, {found[2]:.2f})"]
    score = evidence @ found
    for more in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0):
        sure = score - more >= np.log(0.95 / 0.05)
        wrong = (right[sure] == 0).mean() if sure.any() else 0.0
        lines.append(
            f"intercept {found[0] - more:6.2f}: sure of {sure[~strange].mean():.1%}, wrong {wrong:.2%} of these"
        )
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calibrate", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "dietintel.settings"}
        set_up()
        seen = looks(list(BY_NAME), 0 if chosen.calibrate else 1000)
        for name, learn, counts in (("Untrained", untrained, (1, 3, 5, 8)), ("Trained", trained, (1, 3, 5, 8))):
            if chosen.calibrate:
                found = calibrate(seen, learn=learned if learn is trained else learn)
            else:
                found = table(seen, learn=learn, counts=counts)
            sys.stdout.write(f"{name}:\n{found}\n\n")
    sys.stdout.write(f"Features of one photo: {statistics.median(seen.seconds) * 1000:.0f} ms of one core (median).\n")


if __name__ == "__main__":
    main()
