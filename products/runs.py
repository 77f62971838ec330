"""Foods grow old: their providers are asked again, one food when somebody looks at it, the oldest ones by and by."""

import datetime as dt
from collections import Counter

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dietintel.gateway.errors import GatewayError
from products import lookup, providers
from products.models import Product
from workflows.definitions import Retry, Workflow, step
from workflows.execution import Context
from workflows.registry import register
from workflows.states import Priority

MOST_AT_ONCE = 100  # foods of one run: the providers' limits leave room for some five a minute
STEP_S = 60  # above lookup.REFRESH_S


@register
class RefreshProduct(Workflow):
    """One food, because somebody looked at it. Waits as long as the provider asks to."""

    name = "refresh_product"
    label = _("Refreshing a food")

    @step(timeout=STEP_S, retry=Retry(3, base=30, cap=600, on=(GatewayError,)))
    def refresh(self, ctx: Context, product_id: int) -> str:
        return lookup.refresh(product_id)


@register
class RefreshStale(Workflow):
    """The foods that have been old for longest. One that cannot be asked for now is the first of the next run."""

    name = "refresh_stale"
    label = _("Refreshing old foods")
    priority = Priority.LOW
    every = dt.timedelta(hours=4)
    deadline = dt.timedelta(hours=3)

    @step
    def oldest(self, ctx: Context) -> list[int]:
        switched_on = [provider.config.name for provider in providers.in_order()]
        stale = Product.objects.stale(now=timezone.now()).filter(source__in=switched_on)
        return list(stale.order_by("fetched_at", "pk").values_list("pk", flat=True)[:MOST_AT_ONCE])

    @step(map="oldest", max_parallel=1, min_success=0, timeout=STEP_S)
    def refresh(self, ctx: Context, item: int) -> str:
        return lookup.refresh(item)

    @step
    def summary(self, ctx: Context, refresh: list[str | None]) -> dict[str, object]:
        counts = Counter(word or "could not be asked for" for word in refresh)
        words = ", ".join(f"{count} {word}" for word, count in counts.most_common())
        return {"foods": len(refresh), "counts": dict(counts), "words": words or "nothing is old"}
