"""From what somebody asks to log, by barcode, id or figures, to items with the figures they will keep."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.barcodes import Barcode
from products.foods import Food
from products.models import Product
from tracking.errors import Refused
from tracking.recipes import RecipeBook
from tracking.services.diary import NewItem, of_food, quick_add
from tracking.services.recipes import of_recipe

MOST_BARCODES = 10  # of one request: each may have to be asked for at a provider


@dataclass(frozen=True)
class Wanted:
    """Something to log: `quantity` of `unit` of one of barcode, product, recipe; or `figures` under a `name`.

    `quantity` of None is one serving of a recipe, and nothing for the others.
    """

    barcode: Barcode | None = None
    product: uuid.UUID | None = None
    recipe: int | None = None
    name: str = ""
    figures: Mapping[str, Decimal | None] = field(default_factory=dict)
    quantity: Decimal | None = None
    unit: str = ""
    time: dt.time | None = None

    @property
    def unit_field(self) -> str:
        return {"g": "amount_g", "ml": "amount_ml"}.get(self.unit, "unit")


def foods_of(wanted: Sequence[Wanted], look_up: Callable[[Barcode], Product]) -> dict[Barcode, Product]:
    """The foods behind the barcodes. May read the network, so it stands before any transaction.

    Raises what `look_up` raises, and Refused where there are too many to ask for.
    """
    barcodes = list(dict.fromkeys(each.barcode for each in wanted if each.barcode is not None))
    if len(barcodes) > MOST_BARCODES:
        sentence = _("Send at most %(most)d different barcodes at once, or the ids of the foods.")
        raise Refused(sentence % {"most": MOST_BARCODES}, field="items")
    return {barcode: look_up(barcode) for barcode in barcodes}


def new_items(
    user: User,
    wanted: Sequence[Wanted],
    *,
    scanned: Mapping[Barcode, Product],
    languages: Sequence[str],
    at: dt.time | None = None,
    path: str = "",
) -> list[NewItem]:
    """What to log, in the same order. Four queries at most. `at` is the time of those that have none.

    `path` with a {place} is put before the field of a Refused, so that it says which one it is about.
    """
    ids = {each.product for each in wanted if each.product is not None}
    rows = Product.objects.visible_to(user).corrected_for(user).filter(uuid__in=ids)
    products = {product.uuid: product for product in rows} if ids else {}
    book = RecipeBook.of(user, languages) if any(each.recipe is not None for each in wanted) else None
    made, now = [], timezone.now()
    for place, each in enumerate(wanted):
        product = scanned[each.barcode] if each.barcode is not None else products.get(each.product or uuid.UUID(int=0))
        try:
            if each.figures:
                item = quick_add(each.name, each.figures)
            elif each.recipe is not None and book is not None:
                item = _of_recipe(book, each)
            else:
                item = _of_product(Food(product, languages, now) if product else None, each)
        except Refused as refused:
            about = each.unit_field if refused.field == "unit" else refused.field
            raise Refused(refused.sentence, field=f"{path.format(place=place)}{about}") from refused
        made.append(replace(item, time=each.time or at))
    return made


def _of_product(food: Food | None, wanted: Wanted) -> NewItem:
    if food is None:
        raise Refused(_("There is no such food."), field="product")
    if wanted.quantity is None:
        raise Refused(_("Say how much."), field="amount")
    return of_food(food, wanted.quantity, wanted.unit)


def _of_recipe(book: RecipeBook, wanted: Wanted) -> NewItem:
    recipe = book.get(wanted.recipe) if wanted.recipe is not None else None
    if recipe is None:
        raise Refused(_("There is no such recipe."), field="recipe")
    return of_recipe(recipe, Decimal(1) if wanted.quantity is None else wanted.quantity, wanted.unit, book=book)
