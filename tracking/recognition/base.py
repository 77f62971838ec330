"""What recognition answers, and the chain of stages that find it: the first that is sure wins.

A stage that cannot answer says why, and the next is asked; a photo is never a dead end, since the person can always
say themselves what is on it. Nothing here writes. Stages may read the network: never inside a transaction.
"""

import datetime as dt
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, Protocol

from django.utils.translation import gettext as _
from PIL import Image

from dietintel.accounts.models import User
from products.models import fold
from tracking import photos
from tracking.models import Photo

log = logging.getLogger(__name__)
SURE = 0.95  # confidence from which a person need not choose; at most one sure answer in fifty may be wrong
MOST_CANDIDATES = 12

Reason = Literal["off", "unsure", "trouble"]


@dataclass(frozen=True)
class Candidate:
    """One thing that may be on a photo. Of what it is known by, the first that is there counts; `search` is text.

    `grams` None: not estimated. `doubts`: what to ask the person about, as codes.
    """

    name: str
    confidence: float  # 0 to 1
    source: str  # the stage
    product: str = ""  # uuid
    recipe: int | None = None
    barcode: str = ""
    search: str = ""
    grams: Decimal | None = None
    doubts: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Two candidates with the same are the same food."""
        if self.product:
            return "product", self.product
        if self.recipe is not None:
            return "recipe", str(self.recipe)
        return ("barcode", self.barcode) if self.barcode else ("name", fold(self.search or self.name))

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        grams = None if self.grams is None else str(self.grams)
        return {**asdict(self), "grams": grams, "doubts": list(self.doubts)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Candidate":
        """From `kept()`, through JSON."""
        grams = None if kept["grams"] is None else Decimal(kept["grams"])
        return cls(**{**kept, "grams": grams, "doubts": tuple(kept["doubts"])})


class CannotAnswer(Exception):
    """A stage has nothing to say. `off`: it is not switched on for this person; `unsure`: it looked, and does not know;

    `trouble`: it would have known more, had something not gone wrong. Only that may be better a moment later; not
    before `retry_after_s`, where that is known.
    """

    def __init__(self, reason: Reason, sentence: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Unanswered:
    """A stage that could not answer, and why: a sentence for the person."""

    stage: str
    reason: Reason
    sentence: str
    retry_after_s: float = 0.0


@dataclass(frozen=True)
class Recognition:
    """What is on a photo, the most likely first. `sure_of` names the stage whose word can be taken; empty: nobody's."""

    candidates: tuple[Candidate, ...]
    sure_of: str = ""
    unanswered: tuple[Unanswered, ...] = ()

    @property
    def trouble(self) -> tuple[Unanswered, ...]:
        """What went wrong on the way, whether or not another stage knew the answer."""
        return tuple(each for each in self.unanswered if each.reason == "trouble")

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        candidates = [each.kept() for each in self.candidates]
        return {"candidates": candidates, "sure_of": self.sure_of, "unanswered": [asdict(u) for u in self.unanswered]}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Recognition":
        """From `kept()`, through JSON."""
        candidates = tuple(map(Candidate.of, kept["candidates"]))
        return cls(candidates, kept["sure_of"], tuple(Unanswered(**each) for each in kept["unanswered"]))


@dataclass(frozen=True)
class Picture:
    """A photo that is being looked at, by whom and when. Its files are read when a stage wants them."""

    photo: Photo
    user: User
    now: dt.datetime

    @cached_property
    def file(self) -> bytes:
        """The large copy. Raises CannotAnswer where it is gone."""
        try:
            return photos.path_of(self.photo.uuid, "large").read_bytes()
        except OSError as error:
            raise CannotAnswer("trouble", _("The file of this photo is gone.")) from error

    def at_most(self, side_px: int) -> Image.Image:
        """In RGB, its longer side no longer than that. Raises CannotAnswer."""
        with Image.open(io.BytesIO(self.file)) as image:
            image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return image.convert("RGB")


class Stage(Protocol):
    """One way to find out what is on a photo."""

    @property
    def name(self) -> str: ...

    def look(self, picture: Picture) -> Sequence[Candidate]:
        """What may be on it, at least one thing. Raises CannotAnswer."""


def first_sure(stages: Iterable[Stage], picture: Picture) -> Recognition:
    """Ask one stage after the other until one is sure; else what all of them think, put together."""
    answers: list[Candidate] = []
    unanswered: list[Unanswered] = []
    for stage in stages:
        try:
            found = sorted(stage.look(picture), key=lambda each: -each.confidence)[:MOST_CANDIDATES]
        except CannotAnswer as error:
            unanswered.append(Unanswered(stage.name, error.reason, error.sentence, error.retry_after_s))
            continue
        if any(each.confidence >= SURE for each in found):
            sure = tuple(each for each in found if each.confidence >= SURE)
            return Recognition(sure, stage.name, tuple(unanswered))
        answers += found
        if not found:
            unanswered.append(Unanswered(stage.name, "unsure", _("Nothing was recognised.")))
    return Recognition(merged(answers), "", tuple(unanswered))


def merged(answers: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each food once, with the highest confidence that anybody has in it, and a weight from whoever has one."""
    best: dict[tuple[str, str], Candidate] = {}
    for each in answers:
        other = best.get(each.key)
        if other is None:
            best[each.key] = each
            continue
        first, second = (other, each) if other.confidence >= each.confidence else (each, other)
        best[each.key] = first if first.grams is not None else replace(first, grams=second.grams)
    return tuple(sorted(best.values(), key=lambda each: -each.confidence)[:MOST_CANDIDATES])
