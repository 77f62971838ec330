"""Training: learn from a person's confirmed photos, and use what was learned only if it recognises more."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dietintel.accounts.models import User
from tracking.errors import Conflict, Refused
from tracking.models import Example, Recogniser
from tracking.recognition import features, variants
from tracking.recognition.arrays import Array
from tracking.recognition.evaluation import Evaluation, Figures, divided, evaluate
from tracking.recognition.learning import train
from tracking.recognition.personal import MOST_EXAMPLES, Dish, Sample, dish_of, latest_examples, trusted
from tracking.services import recognisers
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.models import Run
from workflows.registry import register
from workflows.states import Priority

TRIES = Retry(3, base=5, cap=60, on=(OSError,))


@register
class TrainRecogniser(Workflow):
    """collect → features → train → evaluate → promote

    What steps hand on are ids and figures: names of foods are the person's, and operators see runs.
    """

    name = "train_recogniser"
    label = gettext_lazy("Learning from your photos")
    steps_told = {
        "collect": gettext_lazy("Finding the photos that you checked"),
        "features": gettext_lazy("Measuring them"),
        "train": gettext_lazy("Learning how they vary"),
        "evaluate": gettext_lazy("Trying it on photos that it has not seen"),
        "promote": gettext_lazy("Using it where it is better"),
    }
    priority = Priority.LOW
    deadline = dt.timedelta(hours=6)

    @classmethod
    def page_of(cls, run: Run) -> str:
        return reverse("recognisers")

    @step
    def collect(self, ctx: Context, user_id: int) -> list[int]:
        """Ids of the examples, the newest first."""
        return list(latest_examples(_person(user_id)).values_list("pk", flat=True)[:MOST_EXAMPLES])

    @step(timeout=3600, retry=TRIES)
    def features(self, ctx: Context, collect: list[int]) -> dict[str, int]:
        """Look again at photos whose numbers are of an older kind. Those whose file is gone are left out."""
        old = Example.objects.filter(pk__in=collect).exclude(version=features.VERSION).select_related("photo")
        renewed = 0
        for number, example in enumerate(rows := list(old.order_by("pk"))):
            ctx.progress(number / len(rows), _("photo %(n)d of %(all)d") % {"n": number + 1, "all": len(rows)})
            renewed += _renew(example)
        return {"photos": len(collect), "renewed": renewed, "left_out": len(rows) - renewed}

    @step(timeout=3600, retry=TRIES)
    def train(self, ctx: Context, user_id: int, collect: list[int], features: dict[str, int]) -> dict[str, Any]:
        """Learn from all but the photos that are held out, and keep that as a candidate."""
        examples = _usable(collect)
        kept, held_out = divided(_samples(examples))
        if len(held_out) < recognisers.LEAST_HELD_OUT:
            raise Refused(_("Too few of the photos can still be read to learn from them."))
        moved = []
        for number, place in enumerate(kept):
            ctx.progress(number / len(kept), _("photo %(n)d of %(all)d") % {"n": number + 1, "all": len(kept)})
            moved.append(_moved(examples[place]))
        version = recognisers.keep_candidate(
            user=_person(user_id), run_id=ctx.run_id, weights=train(moved), now=timezone.now()
        )
        return {
            "version": version,
            "learned_from": [examples[place].pk for place in kept],
            "held_out": [examples[place].pk for place in held_out],
        }

    @step(timeout=600)
    def evaluate(self, ctx: Context, user_id: int, train: dict[str, Any]) -> dict[str, Any]:
        """How the candidate and what is in use do on the photos that were held out."""
        person = _person(user_id)
        known, new = (_usable(train[which]) for which in ("learned_from", "held_out"))
        taught = {dish_of(each) for each in known}
        asked = [each for each in new if dish_of(each) in taught]
        if not asked or len(taught) < 2:
            raise Conflict(_("The photos to learn from were deleted meanwhile."))
        candidate = Recogniser.objects.owned_by(person).filter(version=train["version"]).first()
        weights = trusted(candidate) if candidate else None
        if candidate is None or weights is None:
            raise Conflict(_("What was learned was deleted meanwhile."))
        current = recognisers.version_in_use(person)
        in_use = Recogniser.objects.owned_by(person).filter(version=current).first()
        found, before = (
            evaluate(_samples(known), _samples(asked), each) for each in (weights, trusted(in_use) if in_use else None)
        )
        candidate.figures = {
            **found.figures.kept(),
            "learned_from": len(known),
            "against": current,
            "before": before.figures.kept(),
            "foods": _by_name(found, [*asked, *known]),
        }
        candidate.save(update_fields=["figures"])
        return {"against": current, "figures": found.figures.kept(), "before": before.figures.kept()}

    @step(tx=True)
    def promote(self, ctx: Context, user_id: int, train: dict[str, Any], evaluate: dict[str, Any]) -> dict[str, Any]:
        """Take it into use, if it is better."""
        better = recognisers.decide(
            user=_person(user_id),
            version=train["version"],
            against=evaluate["against"],
            figures=Figures(**evaluate["figures"]),
            others=Figures(**evaluate["before"]),
        )
        return {"version": train["version"], "better": better, **evaluate["figures"]}


@register
class TrainRecognisers(Workflow):
    """Once a day: everybody who confirmed enough photos since their last training."""

    name = "train_recognisers"
    label = gettext_lazy("Learning from everybody's photos")
    priority = Priority.LOW
    every = dt.timedelta(days=1)
    deadline = dt.timedelta(hours=12)

    @step
    def people(self, ctx: Context) -> list[int]:
        return recognisers.to_be_trained()

    @step(map="people", max_parallel=1, min_success=0)
    def begin(self, ctx: Context, item: int) -> bool:
        """Safe to repeat: of a person one training is under way at a time."""
        user = User.objects.filter(pk=item).first()
        if user is None or not user.is_active or not recognisers.to_be_trained(item):
            return False
        try:
            recognisers.start_training(user=user, now=timezone.now())
        except Refused:
            return False
        return True

    @step
    def summary(self, ctx: Context, begin: list[bool | None]) -> dict[str, int]:
        return {"people": len(begin), "begun": sum(map(bool, begin))}


def _person(user_id: int) -> User:
    return User.objects.get(pk=user_id)


def _renew(example: Example) -> bool:
    """False where the photo is gone."""
    if example.photo is None:
        return False
    try:
        looks = features.packed(features.of_photo(example.photo))
    except FileNotFoundError:
        return False
    return bool(Example.objects.filter(pk=example.pk).update(version=features.VERSION, features=looks))


def _usable(ids: Sequence[int]) -> list[Example]:
    """Those of the examples that are still there and can be compared, the newest first."""
    named = Example.objects.filter(pk__in=ids, version=features.VERSION).select_related("photo")
    examples = _in_order(named).prefetch_related("foods__product", "foods__recipe")
    return [each for each in examples if dish_of(each)]


def _in_order(examples: QuerySet[Example]) -> QuerySet[Example]:
    return examples.order_by("-created_at", "-pk")


def _samples(examples: Sequence[Example]) -> list[Sample]:
    return [Sample(features.unpacked(bytes(each.features)), dish_of(each)) for each in examples]


def _moved(example: Example) -> Array:
    """How the variants of its photo differ from it; none where the photo is gone."""
    seen = features.unpacked(bytes(example.features))
    if example.photo is not None:
        try:
            moved: Array = variants.of_photo(example.photo) - seen
            return moved
        except FileNotFoundError:
            pass
    return seen[None, :][:0]


def _by_name(found: Evaluation, examples: Sequence[Example]) -> list[list[Any]]:
    """(a meal, what it was taken for, how often), by the names that the person gave them."""
    names: dict[Dish, str] = {}
    for each in examples:
        names.setdefault(dish_of(each), " + ".join(dict.fromkeys(food.name for food in each.foods.all()))[:120])
    rows = [[names[dish], names[taken], count] for (dish, taken), count in found.mistaken.items()]
    return sorted(rows, key=lambda row: (row[0], row[0] != row[1], -row[2], row[1]))
