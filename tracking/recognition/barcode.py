"""A barcode on the photo says exactly what it is."""

import io
import time
from collections.abc import Sequence
from typing import ClassVar

from django.utils.translation import gettext as _

from products import lookup
from products.barcodes import Barcode
from products.pictures import UnreadablePicture
from products.scanning import barcodes_in
from tracking.recognition.base import MOST_CANDIDATES, Candidate, CannotAnswer, Picture

# One code of forty is misread, some with a fitting check digit: sure, but the number is to be shown.
READ = 0.97
ASK_S = 10.0  # seconds, after which providers are asked about no further code: on the photo of a shelf are many
UNKNOWN = 0.5  # a code is there, and nobody knows or could be asked what it is


class _NoTime(Exception):
    """Enough was asked."""


class BarcodeStage:
    """Asks providers where a code is not known here."""

    name: ClassVar[str] = "barcode"

    def look(self, picture: Picture) -> Sequence[Candidate]:
        try:
            codes = barcodes_in(io.BytesIO(picture.file))
        except UnreadablePicture as error:
            raise CannotAnswer("trouble", str(error)) from error
        if not codes:
            raise CannotAnswer("unsure", _("There is no barcode on the photo."))
        ends = time.monotonic() + ASK_S
        return [self._candidate(code, picture, ends) for code in codes[:MOST_CANDIDATES]]

    def _candidate(self, code: Barcode, picture: Picture, ends: float) -> Candidate:
        def while_there_is_time() -> None:
            if time.monotonic() > ends:
                raise _NoTime

        try:
            product = lookup.lookup(code, picture.user, before_asking=while_there_is_time, now=picture.now)
        except (lookup.ProductError, _NoTime) as error:
            doubt = "not_found" if isinstance(error, lookup.ProductNotFound) else "not_asked"
            return Candidate(str(code), UNKNOWN, self.name, barcode=str(code), doubts=(doubt,))
        return Candidate(product.name, READ, self.name, product=str(product.uuid), barcode=str(code))
