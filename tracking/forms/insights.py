"""Who gets the insights by mail, and which entries are behind a figure."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dietintel.accounts.models import User
from products.nutrients import AS_PRINTED
from tracking.totals import SUMMED


class MailForm(forms.Form):
    wants = forms.BooleanField(label=gettext_lazy("Send me each new week"), required=False)
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"invalid": gettext_lazy("Enter an address like ada@example.org.")},
    )

    @classmethod
    def of(cls, user: User, *, wants: bool) -> "MailForm":
        return cls(initial={"wants": wants, "email": user.email})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("wants") and not cleaned.get("email") and "email" not in self.errors:
            self.add_error("email", _("Enter the address that they are to be sent to."))
        return cleaned


class EntriesForm(forms.Form):
    """What is asked of the entries of a week. What is wrong is left out."""

    nutrient = forms.ChoiceField(choices=[(each.key, each.label) for each in AS_PRINTED if each.key in SUMMED])
    food = forms.CharField(required=False, max_length=400, strip=False)
    meal = forms.CharField(required=False, max_length=60, strip=False)
    since = forms.IntegerField(required=False, min_value=0, max_value=23)
    until = forms.IntegerField(required=False, min_value=1, max_value=24)

    @property
    def asked(self) -> dict[str, Any]:
        self.is_valid()
        return {"nutrient": "energy_kcal", **{name: value for name, value in self.cleaned_data.items() if value != ""}}
