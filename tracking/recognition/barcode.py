"""A barcode on the photo says exactly what it is."""

import io
from collections.abc import Sequence
from typing import ClassVar

from django.utils.translation import gettext as _

from products import lookup
from products.models import Product
from products.pictures import UnreadablePicture
from products.scanning import barcodes_in
from tracking.recognition.base import Candidate, CannotAnswer, Picture

# One code of forty is misread, some with a fitting check digit: sure, but the number is to be shown.
READ = 0.97
UNKNOWN = 0.5  # a code is there, and nobody knows or could be asked what it is


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
        found = []
        for code in codes:
            try:
                product = lookup.lookup(code, picture.user, now=picture.now)
            except lookup.ProductError as error:
                doubt = "not_found" if isinstance(error, lookup.ProductNotFound) else "not_asked"
                found.append(Candidate(str(code), UNKNOWN, self.name, barcode=str(code), doubts=(doubt,)))
            else:
                found.append(_of(product, str(code)))
        return found


def _of(product: Product, code: str) -> Candidate:
    return Candidate(product.name, READ, BarcodeStage.name, product=str(product.uuid), barcode=code)
