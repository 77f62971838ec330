"""What the diary refuses, with a sentence for the person."""


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
