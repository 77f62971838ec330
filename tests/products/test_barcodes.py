from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from products.barcodes import Barcode, InvalidBarcode, expand_upc_e, has_check_digit, normalise


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("3017624010701", "3017624010701"),
        (" 3 017624-010701 ", "3017624010701"),
        ("0737628064502", "0737628064502"),
        ("737628064502", "0737628064502"),  # UPC-A
        ("96385074", "96385074"),  # EAN-8
        ("0000096385074", "96385074"),  # EAN-8, padded by a scanner
        ("04963406", "0049000006346"),  # UPC-E by its check digit after expansion
        ("4963406", "0049000006346"),  # the same, its leading zero lost in a spreadsheet
        ("13017624010708", "13017624010708"),  # a case of it
        ("03017624010701", "3017624010701"),
        ("https://id.gs1.org/01/09506000134352", "9506000134352"),
        ("https://example.com/some/shop/01/09506000134352/10/ABC?17=271231", "9506000134352"),
        ("(01)09506000134352(10)ABC", "9506000134352"),
        ("]C1(01)09506000134352", "9506000134352"),
        ("２２００７３７７", "22007377"),  # full-width
        ("1234", "00001234"),
        ("00000000000000225", "00000225"),  # an export of 2024
        ("272681", "00272681"),
    ],
)
def test_every_way_to_write_a_barcode_ends_in_one(text, digits):
    assert normalise(text) == Barcode(digits)


@pytest.mark.parametrize(
    "text", ["", "  ", "abc", "12-34x", "123", "1" * 25, "0000000000000", "https://x.org/p/1", "1e5"]
)
def test_what_is_no_barcode_is_refused_with_a_sentence(text):
    with pytest.raises(InvalidBarcode, match=r"\.$"):
        normalise(text)


def test_eight_digits_that_fit_ean_8_are_not_expanded():
    assert has_check_digit("01234565")
    assert has_check_digit(expand_upc_e("01234565"))
    assert normalise("01234565") == Barcode("01234565")


@pytest.mark.parametrize(
    ("short", "long"),
    [("01234505", "012000003455"), ("01234531", "012300000451"), ("01234543", "012340000053"),
     ("04965802", "049000006582"), ("01234558", "012345000058")],
)  # fmt: skip
def test_upc_e_expands_by_its_last_digit(short, long):
    assert expand_upc_e(short)[:-1] == long[:-1]


@given(st.text(alphabet="0123456789", min_size=4, max_size=24).filter(lambda text: text.strip("0")))
def test_normalising_twice_changes_nothing_more(digits):
    once = normalise(digits)

    assert normalise(once.digits) == once


@given(st.text(max_size=40))
def test_any_text_is_a_barcode_or_refused(text):
    with suppress(InvalidBarcode):
        assert normalise(text).digits.isdecimal()


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_one_wrong_digit_never_fits_the_check_digit(number):
    body = f"{number:012d}"
    code = next(body + str(check) for check in range(10) if has_check_digit(body + str(check)))

    for place, digit in enumerate(code):
        wrong = code[:place] + str((int(digit) + 1) % 10) + code[place + 1 :]
        assert not has_check_digit(wrong)


@pytest.mark.parametrize(
    ("digits", "internal"),
    [("2000000012345", True), ("0212345678901", True), ("0412345678901", True), ("3017624010701", False),
     ("22007377", False), ("0312345678901", False)],
)  # fmt: skip
def test_codes_that_a_shop_prints_for_itself_are_told_apart(digits, internal):
    assert Barcode(digits).shop_internal is internal
