"""The stages in the order in which they are asked: the exact one, what this person eats, and only then the guesses."""

import datetime as dt
from dataclasses import replace

from dietintel.accounts.models import User
from tracking.models import Photo
from tracking.recognition.barcode import BarcodeStage
from tracking.recognition.base import Picture, Recognition, first_sure, merged
from tracking.recognition.matching import known_here
from tracking.recognition.onnx import OnnxStage
from tracking.recognition.personal import PersonalStage
from tracking.recognition.vision import VisionStage

VISION_S = 45.0  # leaves a step of a minute time for the other stages


def recognise(photo: Photo, user: User, now: dt.datetime) -> Recognition:
    """What is on `photo` as far as anybody can tell, with the foods that are known here.

    May read the network for most of a minute; writes nothing. Raises nothing for what a photo or a service may be: who
    could not answer is said in `unanswered`.
    """
    stages = (BarcodeStage(), PersonalStage(), OnnxStage(), VisionStage(total_s=VISION_S))
    found = first_sure(stages, Picture(photo, user, now))
    # Merged again: what two stages call by different names may be the same food here.
    return replace(found, candidates=merged(known_here(each, user) for each in found.candidates))
