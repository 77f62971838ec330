"""The one screen on which a person says what was on a photo.

One form: everything typed travels along, whether they search for a food, take another one, or log it all.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dietintel.http import AuthenticatedRequest, preferred_languages
from products.models import fold
from products.search import search
from tracking.drafts import RECENTS, Offered, feedback_now
from tracking.errors import Conflict, Refused
from tracking.feedback import WORDS
from tracking.forms.diary import typed
from tracking.forms.drafts import FoodForm, PlaceForm
from tracking.habits import Usual
from tracking.loggable import Loggable, found_for, loggables
from tracking.models import Draft, DraftItem
from tracking.moments import meal_at
from tracking.numbers import leading
from tracking.recents import recents
from tracking.recipes import RecipeBook
from tracking.recognition import vision
from tracking.services import drafts
from tracking.services.diary import NewItem
from tracking.statements import said as in_words
from tracking.totals import Totals, add_up
from tracking.units import units_of_person
from tracking.views.answers import changed, in_part
from tracking.views.photos import own_photo
from tracking.views.shown import meal_choices

HITS, RECIPES, RECENT = 8, 4, 8
LONGEST_QUERY = 200
MOST_LINES = 60  # more is no longer a page of ours
FAR_FETCHED = 0.25  # confidence below which a guess does not stand in the way of those that may be right
_ADDED = re.compile(r"added-\d{1,3}-what")
_ITEM = re.compile(r"item-\d{1,18}-what")


@dataclass(frozen=True)
class Line:
    """One thing that may be on the photo, with its form. `item` None: the person added it."""

    form: FoodForm
    eaten: Loggable | None
    item: DraftItem | None
    totals: Totals | None  # of the amount in the form

    @property
    def energy_kcal(self) -> Decimal | None:
        return self.totals.get("energy_kcal") if self.totals else None

    @property
    def name(self) -> str:
        return self.eaten.name if self.eaten else self.item.name if self.item else ""

    @property
    def seen_as(self) -> str:
        """What recognition called it, where the food here is called otherwise."""
        said, called = (
            set(re.findall(r"\w+", fold(name))) for name in (self.item.name if self.item else "", self.name)
        )
        return self.item.name if self.item and not said <= called else ""

    @property
    def ticked(self) -> bool:
        return bool(self.form["tick"].value())

    @property
    def confidence(self) -> str:
        """In words: a percentage would promise more than is known. Empty where nobody saw it."""
        if self.item is None or self.item.source == RECENTS:
            return ""
        if self.item.source == "barcode":
            return _("read from the barcode") if self.item.product_id else _("a barcode that is not known here")
        shares = ((0.95, _("almost certainly")), (0.75, _("very likely")), (0.5, _("likely")), (0.25, _("perhaps")))
        sure = next((word for least, word in shares if self.item.confidence >= least), _("unlikely"))
        if self.item.source == "vision":
            return _("%(sure)s, says %(host)s") % {"sure": sure, "host": vision.host() or _("a service")}
        by = {"personal": _("by your own photos"), "onnx": _("by the model here")}.get(self.item.source, "")
        return f"{sure}, {by}" if by else sure

    @property
    def far_fetched(self) -> bool:
        """Whether it is only listed for completeness."""
        return self.item is not None and not self.ticked and self.item.confidence < FAR_FETCHED

    @property
    def doubts_amount(self) -> bool:
        """Whether the weight that was estimated could not be."""
        return self.item is not None and "amount" in self.item.doubts


# --- What the screen shows --------------------------------------------------------------------------------------
def shown_draft(request: AuthenticatedRequest, draft: Draft) -> dict[str, Any]:
    """What tracking/_draft.html needs of a draft that nobody has changed yet."""
    lines = _lines(request, draft)
    day, meal = draft.place
    initial = {"meal": meal, "day": day, "time": draft.time}
    place = PlaceForm(meals=meal_choices(request.user, day, meal), initial=initial)
    return _shown(request, draft, lines, place)


def _shown(request: AuthenticatedRequest, draft: Draft, lines: list[Line], place: PlaceForm) -> dict[str, Any]:
    eaten = [line.totals for line in lines if line.ticked and line.totals is not None]
    statements = feedback_now(draft, add_up(eaten) if eaten else None)
    seen = [line for line in lines if line.item is None or line.item.source != RECENTS]
    return {
        "photo": draft.photo,
        "draft": draft,
        "place": place,
        "lines": [line for line in seen if not line.far_fetched],
        "far_fetched": [line for line in seen if line.far_fetched],
        "often": [line for line in lines if line.item is not None and line.item.source == RECENTS],
        "any_ticked": any(line.ticked for line in lines),
        "sum_kcal": _sum(lines),
        "feedback": in_words(statements, WORDS, units_of_person(request.user)),
    }


def _sum(lines: list[Line]) -> Decimal:
    return sum((line.energy_kcal or Decimal(0) for line in lines if line.ticked), Decimal(0))


def _lines(request: AuthenticatedRequest, draft: Draft, data: QueryDict | None = None, *, check: bool = False,
           focus: str = "") -> list[Line]:  # fmt: skip
    """Every line with what `data` says of it, else with what is suggested. `check`: say what is wrong with it."""
    items = {f"item-{item.pk}": item for item in draft.items.select_related("product", "recipe")}
    prefixes: dict[str, DraftItem | None] = {**items}
    if data is not None:
        prefixes |= dict.fromkeys(sorted(key.removesuffix("-what") for key in data if _ADDED.fullmatch(key)))
    whats = {
        prefix: data.get(f"{prefix}-what", "") if data is not None else item.what if item else ""
        for prefix, item in prefixes.items()
    }
    there = loggables(request.user, whats.values(), preferred_languages(request))
    lines = []
    for prefix, item in list(prefixes.items())[:MOST_LINES]:
        eaten = there.get(whats[prefix])
        values = _suggested(Offered(item, eaten)) if data is None and item else _said(data or QueryDict(), prefix)
        units = eaten.units if eaten else ()
        form = FoodForm(data if check and values["tick"] else None, prefix=prefix, units=units, initial=values)
        if prefix == focus:
            form.fields["quantity"].widget.attrs["autofocus"] = True
        lines.append(Line(form, eaten, item, _totals(eaten, values)))
    return lines


def _suggested(line: Offered) -> dict[str, Any]:
    much = line.much
    amount = {"quantity": typed(much.quantity), "unit": much.unit} if much else {}
    return {"tick": line.ticked, "what": line.item.what, **amount}


def _said(data: QueryDict, prefix: str) -> dict[str, Any]:
    """As it was typed, whatever that is."""
    names = ("what", "quantity", "unit")
    return {"tick": f"{prefix}-tick" in data, **{name: data.get(f"{prefix}-{name}", "") for name in names}}


def _totals(eaten: Loggable | None, values: Mapping[str, Any]) -> Totals | None:
    number = leading(str(values.get("quantity", "")).strip())
    if eaten is None or number is None or number[1].strip():
        return None
    return eaten.totals(Usual(number[0], values["unit"]))


# --- What can be done with it -----------------------------------------------------------------------------------
@login_required
@require_POST
def photo_draft(request: AuthenticatedRequest, photo_id: uuid.UUID) -> HttpResponse:
    """Everything that the screen sends: look for a food, take one, weigh, discard; without any of these, log it."""
    photo = own_photo(photo_id, request.user)
    draft = Draft.objects.select_related("photo__user", "meal").filter(photo=photo).first()
    if draft is None or draft.state != Draft.State.OPEN or _of_another(request, draft):
        messages.info(request, _("This photo was looked at or decided about meanwhile. This is how it is now."))
        return redirect("photo", photo.uuid)
    asked = request.POST
    if "discard" in asked:
        return _discard(request, draft)
    if "weigh" in request.GET:
        lines = _lines(request, draft, asked)
        energies = [*((line.form.prefix, line.energy_kcal) for line in lines), ("sum", _sum(lines))]
        return render(request, "tracking/weighed.html", {"energies": energies})
    if "choose" in asked:
        return _with_choice(request, draft)
    # Enter in the box, where there is no script, is a search too.
    if {"find", "else"} & asked.keys() or asked.get("q", "").strip() != asked.get("searched", "").strip():
        return _with_hits(request, draft)
    return _log(request, draft)


def _discard(request: AuthenticatedRequest, draft: Draft) -> HttpResponse:
    try:
        drafts.discard(draft, now=timezone.now())
    except Conflict as error:
        messages.info(request, error.sentence)
        return redirect("photo", draft.photo.uuid)
    messages.success(request, _("Nothing of it is logged. The photo is kept."))
    return redirect("photos")


def _of_another(request: AuthenticatedRequest, draft: Draft) -> bool:
    """Whether the form lists what an earlier analysis saw."""
    listed = {key for key in request.POST if _ITEM.fullmatch(key)}
    return not listed <= {f"item-{pk}-what" for pk in draft.items.values_list("pk", flat=True)}


def _with_hits(request: AuthenticatedRequest, draft: Draft) -> HttpResponse:
    asked = request.POST
    q, wanted_for = asked.get("q", ""), asked.get("else", asked.get("for", ""))
    lines = _lines(request, draft, asked)
    wrong = next((line for line in lines if line.form.prefix == wanted_for), None)
    if "else" in asked:
        q = (wrong.item.search or wrong.item.name) if wrong and wrong.item else ""
    q = q.replace("\0", "").strip()[:LONGEST_QUERY]
    found = {"q": q, "for": wanted_for, "wrong": wrong, "hits": _hits(request, q), "draft": draft, "photo": draft.photo}
    if in_part(request):
        part = "_draft_found" if request.htmx.target == "draft-found" else "_draft_find"
        return render(request, f"tracking/{part}.html", found | {"focus": True})
    shown = {"kind": "draft", **_shown(request, draft, lines, _place(request)), **found, "focus": True}
    return render(request, "tracking/photo.html", shown)


def _hits(request: AuthenticatedRequest, q: str) -> list[Loggable]:
    """What is found for these words; without any, what this person often eats at this hour."""
    user, languages = request.user, preferred_languages(request)
    if q:
        book = RecipeBook.of(user, languages)
        return found_for(user, search(q, user, limit=HITS).products, book.search(q)[:RECIPES], book, languages)
    now = timezone.now()
    often = recents(user, now=now, meal=meal_at(user.wall_clock(now).time()), limit=RECENT)
    whats = [DraftItem(product=each.item.product, recipe=each.item.recipe).what for each in often]
    there = loggables(user, filter(None, whats), languages)
    return [there[what] for what in whats if what in there]


def _with_choice(request: AuthenticatedRequest, draft: Draft) -> HttpResponse:
    """The form with another food: instead of the line that it was looked for, else as a line of its own."""
    data = request.POST.copy()
    what, prefix = str(data["choose"]), str(data.get("for", ""))
    eaten = loggables(request.user, [what], preferred_languages(request)).get(what)
    items = {f"item-{item.pk}": item for item in draft.items.all()}
    if eaten is not None:
        if prefix not in items and f"{prefix}-what" not in data:
            free = (f"added-{number}" for number in range(MOST_LINES))
            prefix = next((each for each in free if f"{each}-what" not in data), f"added-{MOST_LINES - 1}")
        item = items.get(prefix)
        much = eaten.much(item.grams if item else None)
        told = {"what": what, "tick": "on", "quantity": typed(much.quantity), "unit": much.unit}
        for name, value in told.items():
            data[f"{prefix}-{name}"] = value
    lines = _lines(request, draft, data, focus=prefix)
    shown = {"kind": "draft", **_shown(request, draft, lines, _place(request))}
    return render(request, "tracking/_draft.html" if in_part(request) else "tracking/photo.html", shown)


def _place(request: AuthenticatedRequest, *, check: bool = False) -> PlaceForm:
    """As it was typed."""
    typed_in = {name: request.POST.get(name, "") for name in ("meal", "day", "time")}
    today = request.user.wall_clock(timezone.now()).date()
    meals = meal_choices(request.user, today, typed_in["meal"][:60])
    return PlaceForm(request.POST if check else None, meals=meals, initial=typed_in)


def _log(request: AuthenticatedRequest, draft: Draft) -> HttpResponse:
    lines, place = _lines(request, draft, request.POST, check=True), _place(request, check=True)
    new = _new_items(lines)
    if place.is_valid() and new is not None:
        where = place.cleaned_data
        try:
            done = drafts.confirm(
                draft, new, day=where["day"], meal=where["meal"], time=where["time"], now=timezone.now()
            )
        except Conflict as error:
            messages.info(request, error.sentence)
            return redirect("photo", draft.photo.uuid)
        except Refused as error:
            place.refuse(error)
        else:
            sentence = ngettext("%(count)d food is in your diary.", "%(count)d foods are in your diary.", len(new))
            return changed(request, done, sentence % {"count": len(new)}, date=where["day"])
    shown = {"kind": "draft", **_shown(request, draft, lines, place)}
    return render(request, "tracking/photo.html", shown, status=422)


def _new_items(lines: list[Line]) -> list[NewItem] | None:
    """What is ticked, as it will be logged. None where some of it cannot be; its form says why then."""
    new, valid = [], True
    for line in lines:
        if not line.ticked:
            continue
        if not line.form.is_valid():
            valid = False
            continue
        said = line.form.cleaned_data
        try:
            if line.eaten is None:
                raise Refused(_("This food is not here any more. Choose another."), field="tick")
            new.append(line.eaten.some(said["quantity"], said["unit"]))
        except Refused as error:
            line.form.refuse(error)
            valid = False
    return new if valid else None
