"""Photos that come in, one or several at once."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from tracking.forms.diary import DayField


class _Several(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Cleans to a list of files."""

    widget = _Several

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data]
        one = super().clean
        return [one(file, initial) for file in files or [None]]


class PhotosForm(forms.Form):
    images = PhotosField(
        label=_("Photos"),
        widget=_Several(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        error_messages={"required": _("Choose a photo first."), "empty": _("This file is empty.")},
    )
    day = DayField(required=False, widget=forms.HiddenInput)  # of the page they were taken on; else the camera's

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = _("JPEG, PNG or WebP, together at most %(most)d MB.")
        self.fields["images"].help_text = said % {"most": settings.MAX_UPLOAD_BYTES // 1_000_000}

    def refuse(self, file: UploadedFile, sentence: str) -> None:
        """Why one of the files was not kept, beside the field."""
        self.add_error("images", f"{file.name}: {sentence}")
