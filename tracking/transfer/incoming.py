"""A file that somebody brings: a whole account or the diary of another program, told apart by what is in it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from tracking.transfer.archive import SIGNATURE, document_in
from tracking.transfer.export import counted
from tracking.transfer.foreign import DateOrder, Reading, read_foreign
from tracking.transfer.reading import Account, read_account


@dataclass(frozen=True)
class Whole:
    """A file with a whole account in it, and how much that is."""

    account: Account
    counts: Mapping[str, int]


def understood(data: bytes, order: DateOrder | None) -> Whole | Reading:
    """Whatever the file is called. Raises Broken for a ZIP, NotUnderstood for anything else."""
    if not data.startswith(SIGNATURE):
        return read_foreign(data, order)
    document = document_in(io.BytesIO(data))
    account = read_account(document)  # first: counting trusts what it counts
    return Whole(account, counted(document))
