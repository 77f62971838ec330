from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import Token, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    list_display = ["username", "is_owner", "is_staff", "is_active", "last_login"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email", "time_zone", "theme"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin[Token]):
    """To see and delete tokens; they are made in the settings page, which alone can show the secret."""

    list_display = ["name", "hint", "user", "created_at"]
    list_select_related = ["user"]
    readonly_fields = ["user", "name", "hint", "created_at"]

    def has_add_permission(self, request: object) -> bool:
        return False
