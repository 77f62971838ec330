"""Files that come in, and the word that lets everything go."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from dietintel.accounts.models import User
from tracking.transfer.foreign import DateOrder


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "The ZIP that DietIntel exports, or a CSV file. Nothing is written before you have seen what it is."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,.csv,.txt,application/zip,text/csv"}),
        error_messages={"required": _("Choose a file first."), "empty": _("This file is empty.")},
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.MAX_UPLOAD_BYTES:
            megabytes = settings.MAX_UPLOAD_BYTES // 1_000_000
            raise ValidationError(_("A file can have at most %(most)d MB."), params={"most": megabytes})
        return file


class DateOrderForm(forms.Form):
    """Asked where a file's dates could be read either way."""

    dates = forms.ChoiceField(
        label=_("This file writes a date as"),
        choices=[
            (DateOrder.MONTH_FIRST.value, _("month/day/year")),
            (DateOrder.DAY_FIRST.value, _("day/month/year")),
        ],
        widget=forms.RadioSelect,
    )


class DeleteAccountForm(forms.Form):
    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("So that nobody else does it at a device that you left open."),
    )

    def __init__(self, user: User, *args: Any, wait_s: int | None = None, **kwargs: Any) -> None:
        """`wait_s`: seconds until the next try counts; until then a password is not even looked at."""
        super().__init__(*args, **kwargs)
        self.user = user
        self.wait_s = wait_s

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if self.wait_s is not None:
            raise ValidationError(
                _("Too many tries. Wait %(wait)d seconds, then try again."), params={"wait": self.wait_s}
            )
        if not self.user.check_password(password):
            raise ValidationError(_("That is not your password."))
        return password
