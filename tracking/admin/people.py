"""The operator's page of people: who goes, goes with their whole diary."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dietintel.accounts.admin import UserAdmin
from dietintel.accounts.models import User
from tracking.services import leaving

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Deletes as people do themselves in their settings, which is also where an operator leaves."""

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is the person's goes with them, runs included, which nobody may delete by themselves."""
        shown, counts, _refused, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), [*protected, *(str(each) for each in objs if each == request.user)]

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        leaving.delete_account(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            leaving.delete_account(person)
