"""Opens a ZIP that somebody sent. Nothing is unpacked to a path: one entry is read, and no more of it than allowed."""

import json
import zipfile
import zlib
from typing import IO, Any

from django.utils.translation import gettext as _

from tracking.transfer.document import DOCUMENT, FORMAT, MOST_DOCUMENT_BYTES, VERSION
from tracking.transfer.shapes import Broken

MOST_ENTRIES = 10_000
SIGNATURE = b"PK\x03\x04"  # APPNOTE.TXT 4.3.7: every ZIP that is not empty begins like this


def document_in(file: IO[bytes]) -> dict[str, Any]:
    """The JSON of the account, its rows not looked at yet. Raises Broken."""
    try:
        with zipfile.ZipFile(file) as archive:
            text = _read(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        # RuntimeError: it asks for a password. NotImplementedError: packed in a way that we never do.
        raise Broken(_("This ZIP is damaged, or was not made by DietIntel.")) from error
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Broken(_("the JSON in it is broken."), DOCUMENT) from error
    return _checked_head(document)


def _read(archive: zipfile.ZipFile) -> bytes:
    names = archive.namelist()
    if len(names) > MOST_ENTRIES:
        raise Broken(_("This ZIP has too many files in it."))
    if any(name.startswith(("/", "\\")) or ".." in name or ":" in name for name in names):
        raise Broken(_("This ZIP has files in it that point outside of it."))
    if names.count(DOCUMENT) != 1:
        raise Broken(_("This ZIP has no %(name)s in it, so it is not an export of DietIntel.") % {"name": DOCUMENT})
    with archive.open(DOCUMENT) as entry:
        text = entry.read(MOST_DOCUMENT_BYTES + 1)  # what it says of its own size may be a lie
    if len(text) > MOST_DOCUMENT_BYTES:
        raise Broken(_("What is in this ZIP is too large."))
    return text


def _no_number(name: str) -> None:
    raise ValueError(name)


def _checked_head(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Broken(_("this is not an export of DietIntel."), DOCUMENT)
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise Broken(_("this was made by another version of DietIntel, which this one cannot read."), DOCUMENT)
    return document
