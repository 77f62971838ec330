"""How well the recogniser that learns from a person's own photos does, on drawn dishes.

    python -m benchmarks.recognition                the table in docs/how-photos-are-recognised.md
    python -m benchmarks.recognition --calibrate    the numbers in tracking/recognition/personal.py, found again

For every number of photos per food and of foods, several people confirm so many photos each; then they take photos of
the same foods, and of others that they never confirmed. "Sure" are answers that a person would not be asked about. A
sure answer is wrong if it is another food, or if it is any food for a dish that was never confirmed. Calibration uses
other photos than the table does, and none of the dishes in UNSEEN.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.dishes import DISHES, STRANGERS, photo

if TYPE_CHECKING:
    from tracking.recognition.features import Array
    from tracking.recognition.personal import Near

BY_NAME = {dish.name: dish for dish in DISHES + STRANGERS}
UNSEEN = [dish.name for dish in STRANGERS[5:]]
PEOPLE = 12
TAUGHT, ASKED = 8, 6  # photos of each dish: to choose the confirmed ones from, and to ask about
Looks = dict[str, list["Array"]]


@dataclass(frozen=True)
class Asked:
    """One photo that was asked about; `dish` is empty where it was never confirmed."""

    dish: str
    near: "Near"
    dishes: int

    @property
    def right(self) -> bool:
        return self.near.dishes[0] == frozenset({("name", self.dish)})

    @property
    def confidence(self) -> float:
        from tracking.recognition.personal import confidence

        return confidence(self.near, dishes=self.dishes)


def look(job: tuple[str, int]) -> tuple["Array", float]:
    """The features of one photo, and the seconds that they took."""
    from tracking.recognition.features import of_image

    image = photo(BY_NAME[job[0]], job[1])
    began = time.process_time()
    return of_image(image), time.process_time() - began


def looks(names: Sequence[str], numbers: range) -> tuple[Looks, list[float]]:
    jobs = [(name, number) for name in names for number in numbers]
    with ProcessPoolExecutor(initializer=set_up) as pool:
        found = list(pool.map(look, jobs, chunksize=16))
    by_name: Looks = {name: [] for name in names}
    for (name, _number), (features, _seconds) in zip(jobs, found, strict=True):
        by_name[name].append(features)
    return by_name, [seconds for _features, seconds in found]


def set_up() -> None:
    import django

    django.setup()


def people(seen: Looks, *, photos: int, foods: int, strangers: Sequence[str], seed: str) -> Iterator[Asked]:
    from tracking.recognition.personal import PersonalModel, Sample

    chance = random.Random(f"{seed} {photos} {foods}")
    names = [dish.name for dish in DISHES]
    for _person in range(PEOPLE):
        mine = chance.sample(names, foods)
        samples = [
            Sample(seen[name][number], frozenset({("name", name)}))
            for name in mine
            for number in chance.sample(range(TAUGHT), photos)
        ]
        model = PersonalModel(samples)
        for name in mine:
            for features in seen[name][TAUGHT:]:
                yield Asked(name, model.near(features), foods)
        for name in strangers:
            for features in seen[name][TAUGHT:]:
                yield Asked("", model.near(features), foods)


def table(seen: Looks) -> str:
    from tracking.recognition.base import SURE

    strangers = [dish.name for dish in STRANGERS]
    lines = [
        "| foods | photos of each | right | among three | sure | sure and wrong | wrong of the sure |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for foods in (4, 8, 16):
        for photos in (1, 3, 5):
            asked = list(people(seen, photos=photos, foods=foods, strangers=strangers, seed="table"))
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
    return "\n".join(lines)


def calibrate(seen: Looks) -> str:
    """Logistic regression by Newton's method, lightly held back; equal numbers of known and strange photos."""
    strangers = [dish.name for dish in STRANGERS if dish.name not in UNSEEN]
    asked = [
        each
        for foods in (4, 6, 8, 12, 16)
        for photos in (3, 4, 5, 8)
        for each in people(seen, photos=photos, foods=foods, strangers=strangers, seed="calibration")
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
    lines = [f"INTERCEPT, OF_RATIO, OF_DISTANCE = {found[0]:.2f}, {found[1]:.2f}, {found[2]:.2f}"]
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
        first = 0 if chosen.calibrate else 1000
        seen, seconds = looks(list(BY_NAME), range(first, first + TAUGHT + ASKED))
        sys.stdout.write((calibrate if chosen.calibrate else table)(seen) + "\n")
    sys.stdout.write(f"\nFeatures of one photo: {statistics.median(seconds) * 1000:.0f} ms of one core (median).\n")


if __name__ == "__main__":
    main()
