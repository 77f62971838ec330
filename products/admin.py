from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from products.models import Correction, Miss, Product


class OwnFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "own"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("From providers")), ("yes", _("Entered by people"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        return queryset.filter(owner__isnull=self.value() == "no") if self.value() else queryset


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin[Product]):
    """Providers' foods are read only: a person's correction is the way to change what they see."""

    list_display = ["name", "brand", "barcode", "source", "owner", "fetched_at"]
    list_filter = [OwnFilter, "source"]
    list_select_related = ["owner"]
    search_fields = ["search_text"]
    show_full_result_count = False
    ordering = ["-fetched_at"]
    fields = [
        "uuid", "owner", "source", "barcode", "name", "names", "brand", "quantity", "basis", "per_100", "servings",
        "nutriscore", "nova_group", "allergens", "traces", "image_url", "quality", "fetched_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Without ids alone: there is nothing to see of them."""
        return super().get_queryset(request).filter(may_be_kept=True)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """People's corrections would go with it; a wrong entry is mended at its source, and fetched again."""
        return False


@admin.register(Correction)
class CorrectionAdmin(admin.ModelAdmin[Correction]):
    list_display = ["product", "user", "updated_at"]
    list_select_related = ["product", "user"]
    readonly_fields = ["product", "user", "changes", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Miss)
class MissAdmin(admin.ModelAdmin[Miss]):
    """Deleting one lets the next scan ask again."""

    list_display = ["barcode", "provider", "times", "ask_again_at"]
    list_filter = ["provider"]
    search_fields = ["barcode"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Miss | None = None) -> bool:
        return False
