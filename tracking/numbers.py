"""Numbers as people write them: 1,5 and 1.5, 1/2, ½, 1 1/2 and 2½, 1,000."""

import re
from collections.abc import Mapping
from decimal import Decimal

from products.nutrients import rounded

_VULGAR: Mapping[str, Decimal] = {
    "½": Decimal("0.5"),
    "¼": Decimal("0.25"),
    "¾": Decimal("0.75"),
    "⅓": Decimal("0.3333"),
    "⅔": Decimal("0.6667"),
    "⅛": Decimal("0.125"),
    "⅕": Decimal("0.2"),
}
_SIGNS = "".join(_VULGAR)
_NUMBER = re.compile(
    rf"""
    (?: (?P<whole>[0-9]{{1,6}})
        (?: \s*(?P<sign_after>[{_SIGNS}]) | \s+(?P<top_after>[0-9]{{1,3}})/(?P<under_after>[0-9]{{1,3}}) )
      | (?P<sign>[{_SIGNS}])
      | (?P<top>[0-9]{{1,4}})/(?P<under>[0-9]{{1,4}})
      | (?P<grouped>[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+(?:\.[0-9]{{1,4}})?)
      | (?P<plain>[0-9]{{1,6}}(?:[.,][0-9]{{1,4}})?)
    )(?![0-9/]|[.,][0-9])""",
    re.VERBOSE,
)


def leading(text: str) -> tuple[Decimal, str] | None:
    """The number that `text` begins with, to four decimals, and what follows it. None where there is none."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    part = found.groupdict()
    under = part["under"] or part["under_after"]
    if under and not int(under):
        return None
    if part["plain"]:
        value = Decimal(part["plain"].replace(",", "."))
    elif part["grouped"]:  # as English writes thousands
        value = Decimal(part["grouped"].replace(",", ""))
    else:
        value = Decimal(part["whole"] or 0)
        value += _VULGAR.get(part["sign"] or part["sign_after"], Decimal(0))
        value += Decimal(part["top"] or part["top_after"] or 0) / int(under or 1)
    return rounded(value), text[found.end() :]
