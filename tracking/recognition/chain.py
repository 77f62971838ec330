"""The stages in the order in which they are asked: the exact one, what this person eats, and only then the guesses."""

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import replace

from dietintel.accounts.models import User
from tracking.models import Photo
from tracking.recognition.barcode import BarcodeStage
from tracking.recognition.base import Picture, Recognition, Stage, first_sure, merged
from tracking.recognition.matching import known_here
from tracking.recognition.onnx import OnnxStage
from tracking.recognition.personal import PersonalStage
from tracking.recognition.vision import VisionStage

# Of the minute that a step has: what the service is given at most, and when all have to be done.
VISION_S, ALL_S = 45.0, 54.0


def recognise(photo: Photo, user: User, now: dt.datetime) -> Recognition:
    """What is on `photo` as far as anybody can tell, with the foods that are known here.

    May read the network for most of a minute; writes nothing. Raises nothing for what a photo or a service may be: who
    could not answer is said in `unanswered`.
    """
    found = first_sure(_stages(), Picture(photo, user, now))
    # Merged again: what two stages call by different names may be the same food here.
    return replace(found, candidates=merged(known_here(each, user) for each in found.candidates))


def _stages() -> Iterator[Stage]:
    """One after the other, as they are asked: the last has the time that the others left."""
    ends = time.monotonic() + ALL_S
    yield from (BarcodeStage(), PersonalStage(), OnnxStage())
    yield VisionStage(total_s=min(VISION_S, ends - time.monotonic()))
