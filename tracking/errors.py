"""What the diary refuses, with a sentence for the person."""

from django.utils.translation import gettext as _


class DiaryError(Exception):
    """Nothing was written. `sentence` is for the person, `field` says what it is about; empty: the whole."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class Refused(DiaryError):
    """The values cannot be right together. Change them."""


class Conflict(DiaryError):
    """It clashes with what is there already. Look at that first."""


def gone() -> Conflict:
    """Another tab or device was quicker."""
    return Conflict(_("It was deleted meanwhile."))
