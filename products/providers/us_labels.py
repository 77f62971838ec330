"""What labels of the United States count otherwise than ours."""

from collections.abc import Mapping
from decimal import Decimal

from products.nutrients import ALLOWED_EXCESS_G, possible, rounded
from products.quality import Flag


def available_carbohydrate(total_g: Decimal, others: Mapping[str, Decimal]) -> tuple[Decimal | None, tuple[Flag, ...]]:
    """Their carbohydrate includes fibre, ours does not. All of 100 g or ml; `others` may have `fiber_g`.

    None where it cannot be told, and what is doubtful about it.
    """
    fibre = others.get("fiber_g")
    if fibre is None or not possible("fiber_g", fibre):
        return None, (Flag("CARBS_INCLUDE_FIBRE", (f"{rounded(total_g)} g",)),)
    if total_g - fibre < -ALLOWED_EXCESS_G:
        return None, (Flag("PARTS_EXCEED_WHOLE"),)
    return max(Decimal(0), total_g - fibre), ()
