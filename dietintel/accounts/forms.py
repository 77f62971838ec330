"""What people type about their accounts."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import Token, User


class SignUpForm(forms.ModelForm[User]):
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters; a short sentence is a good password."),
    )
    # Filled in by the browser; without JavaScript the account starts in UTC and the settings page asks.
    time_zone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    class Meta:
        model = User
        fields = ["username"]
        labels = {"username": _("Name")}
        help_texts = {"username": _("How you sign in. Letters, digits and @ . + - _")}
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})}

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        return name if name in zoneinfo.available_timezones() else "UTC"

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(username=self.cleaned_data.get("username", "")))
        return password


class LoginForm(AuthenticationForm):
    """`wait_s`: seconds until the next try counts; until then a password is not even looked at."""

    def __init__(self, *args: Any, wait_s: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Name")
        self.wait_s = wait_s

    def clean(self) -> dict[str, Any]:
        if self.wait_s is not None:
            raise ValidationError(
                _("Too many tries. Wait %(wait)d seconds, then try again."), params={"wait": self.wait_s}
            )
        return super().clean()


class PreferencesForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())],
        help_text=_("Decides where your day begins and ends."),
    )

    class Meta:
        model = User
        fields = ["time_zone", "theme"]
        widgets = {"theme": forms.RadioSelect}


class TokenForm(forms.ModelForm[Token]):
    class Meta:
        model = Token
        fields = ["name"]
        labels = {"name": _("What is it for?")}
        widgets = {"name": forms.TextInput(attrs={"placeholder": _("Kitchen tablet"), "autocomplete": "off"})}

    def clean_name(self) -> Any:
        name = self.cleaned_data["name"].strip()
        if not name:
            raise ValidationError(_("Give the token a name, so that you know later which one to delete."))
        return name
