"""The stages in the order in which they are asked: the exact one, what this person eats, and only then the guesses."""

import datetime as dt

from dietintel.accounts.models import User
from tracking.models import Photo
from tracking.recognition.barcode import BarcodeStage
from tracking.recognition.base import Picture, Recognition, Stage, first_sure
from tracking.recognition.vision import VisionStage

VISION_S = 45.0  # leaves a step of a minute time for the other stages


def recognise(photo: Photo, user: User, now: dt.datetime) -> Recognition:
    """What is on `photo`, as far as anybody can tell. May read the network for most of a minute; writes nothing.

    Raises nothing for what a photo or a service may be: who could not answer is said in `unanswered`.
    """
    return first_sure((*_here(), VisionStage(total_s=VISION_S)), Picture(photo, user, now))


def recognise_here(photo: Photo, user: User, now: dt.datetime) -> Recognition:
    """The same without sending the photo anywhere. Only the number of a barcode may be asked for elsewhere."""
    return first_sure(_here(), Picture(photo, user, now))


def _here() -> tuple[Stage, ...]:
    # Not before they are needed: every process loads this module, and NumPy takes 10 MiB of each.
    from tracking.recognition.onnx import OnnxStage
    from tracking.recognition.personal import PersonalStage

    return BarcodeStage(), PersonalStage(), OnnxStage()
