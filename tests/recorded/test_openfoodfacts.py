"""Every recorded Open Food Facts body against figures that were written down by reading the bodies.

Runs where DIETINTEL_SAMPLES names the folder of recorded bodies. `expected_off.json` was not made by the parser; its
"note"s say how unclear cases were judged.
"""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from products.barcodes import Barcode, normalise
from products.nutrients import MAIN_KEYS
from products.providers import openfoodfacts

EXPECTED = json.loads((Path(__file__).parent / "expected_off.json").read_text())
SAMPLES = os.environ.get("DIETINTEL_SAMPLES", "")
pytestmark = pytest.mark.skipif(not SAMPLES, reason="DIETINTEL_SAMPLES names no folder of recorded bodies")


def document(name):
    """The product document of a recorded body, and the body itself."""
    path, _hash, line = name.partition("#")
    text = (Path(SAMPLES) / path).read_text()
    body = json.loads(text.splitlines()[int(line) - 1] if line else text)
    return body.get("product", body), body


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_body_gives_the_figures_a_reader_sees_in_it(name):
    expected = EXPECTED[name]
    product, body = document(name)
    code = Barcode(expected["barcode"] or "4388858946739")

    found = openfoodfacts.parse_product(product, barcode=code.digits)

    if expected["barcode"] is None:  # stubs of two fields
        assert [flag.code for flag in found.quality] == ["NO_NUTRITION", "NO_NAME"]
        return
    written = str(product.get("code") or body.get("code"))
    if written.strip("0"):  # one recorded row has ten zeros for a code
        assert normalise(written) == code
    shown = {key: None if found.per_100.get(key) is None else str(found.per_100[key]) for key in MAIN_KEYS}
    shown |= {key: str(value) for key, value in found.per_100.items()}
    assert {
        "barcode": code.digits,
        "name": found.names.get("en") or found.name,
        "brand": found.brand,
        "basis": found.basis,
        "per_100": shown,
        "servings": [{"label": each.label, "amount": str(each.amount)} for each in found.servings],
        "nutriscore": found.nutriscore or None,
        "nova_group": found.nova_group,
        "allergens": list(found.allergens) if found.allergens else None,
        "quality": sorted(flag.code for flag in found.quality),
    } == {key: expected[key] for key in expected if key not in {"note", "preparation"}}
    assert ("PREPARED" in expected["quality"]) == (expected["preparation"] == "prepared")
    assert all(isinstance(value, Decimal) for value in found.per_100.values())
