"""From the name of a food, as a model says it, to a food that is known here."""

import re
from dataclasses import replace

from dietintel.accounts.models import User
from products.models import Product, fold
from products.search import search
from tracking.amounts import singular
from tracking.recognition.base import Candidate


def known_here(candidate: Candidate, user: User) -> Candidate:
    """With the food that the name means here, where there is one with all of its words; else it stays a text to search.

    Misspelt words are not guessed at: what a model makes up should not become a food that sounds like it. "Eggs" may be
    an egg, though.
    """
    if candidate.product or candidate.recipe is not None or candidate.barcode or not candidate.search:
        return candidate
    words = re.findall(r"\w+", fold(candidate.search))
    for wanted in dict.fromkeys((" ".join(words), " ".join(map(singular, words)))):
        found = next(iter(search(wanted, user, limit=1).products), None)
        if found is not None and _has_words(found, wanted):
            return replace(candidate, product=str(found.uuid))
    return candidate


def _has_words(product: Product, text: str) -> bool:
    have = re.findall(r"\w+", product.search_text)
    return all(any(each.startswith(word) for each in have) for word in text.split())
