"""What a person wants at hand."""

from dietintel.accounts.models import User
from products.models import Product
from tracking.models import Favourite, Recipe


def set_favourite(
    user: User, *, product: Product | None = None, recipe: Recipe | None = None, on: bool
) -> Favourite | None:
    """Make a food or a recipe, which `user` may see, a favourite, or take it back. Safe to repeat.

    Returns the favourite, None where it is none now.
    """
    if (product is None) == (recipe is None):
        raise ValueError("one food or one recipe")
    if on:
        return Favourite.objects.get_or_create(user=user, product=product, recipe=recipe)[0]
    Favourite.objects.owned_by(user).filter(product=product, recipe=recipe).delete()
    return None
