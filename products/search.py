"""Ranked search over the foods that are here: all words, each as a beginning; where nothing fits, the nearest spelling.

SQLite: two FTS5 tables over `search_text`, one of words and one of trigrams. PostgreSQL: a text-search index, and
pg_trgm where the server has it. The index objects are made after every migration and not by one: any change of the
table's columns rebuilds it on SQLite and silently drops the triggers that keep the index true.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import ProgrammingError, connections, transaction
from django.utils.translation import gettext as _

from dietintel.accounts.models import User
from products.models import Correction, Product, fold

TABLE = Product._meta.db_table
WORDS, TRIGRAMS = f"{TABLE}_words", f"{TABLE}_trigrams"
MOST_WORDS = 8
PAGE, MOST = 20, 100
# How alike a misspelt word must be. One letter of seven wrong leaves about half of a word's trigrams; pg_trgm counts
# the foreign ones against it as well.
LIKENESS, LIKENESS_PG_TRGM = 0.45, 0.3


class InvalidCursor(ValueError):
    """The cursor is not one that a search returned. Start from the first page."""


@dataclass(frozen=True)
class Page:
    """One page of results, best first, and where the next one starts; None at the end."""

    products: list[Product]
    next_cursor: str | None


def search(text: str, user: User, *, limit: int = PAGE, cursor: str = "", own_only: bool = False) -> Page:
    """Foods that `user` may see. An empty text lists all by name. Raises InvalidCursor."""
    start = _decode(cursor)
    foods = Product.objects.owned_by(user) if own_only else Product.objects.visible_to(user)
    words = re.findall(r"\w+", fold(text))[:MOST_WORDS]
    if text.strip() and not words:
        return Page([], None)
    if not words:
        listed = list(foods.corrected_for(user).order_by("search_text", "pk")[start : start + limit + 1])
        return Page(listed[:limit], _encode(start + limit) if len(listed) > limit else None)
    if len(words) == 1 and words[0].isdecimal():
        words = [words[0].lstrip("0") or words[0]]  # a barcode; the index has it without leading zeros too
    owner = "p.owner_id = %s" if own_only else "(p.owner_id IS NULL OR p.owner_id = %s)"
    mine = [] if own_only else _by_own_names(words, user)
    head = mine[start : start + limit + 1]
    fitting = _by_words(words, owner, user.pk, max(0, start - len(mine)), limit + 1 - len(head))
    more = len(head) + len(fitting) > limit
    ids = [*head, *(pk for pk in fitting if pk not in mine)][:limit]
    if not ids and not start:
        ids = _by_spelling(words, owner, user.pk, limit)
    found = foods.corrected_for(user).in_bulk(ids)
    return Page([found[pk] for pk in ids if pk in found], _encode(start + limit) if more else None)


def _by_own_names(words: list[str], user: User) -> list[int]:
    """Foods that this person calls so. Few, so they are looked through one by one; they come first."""
    corrected = Correction.objects.owned_by(user).filter(changes__has_key="name").order_by("pk")
    return [
        pk
        for pk, changes in corrected.values_list("product", "changes")
        if all(any(each.startswith(word) for each in fold(str(changes["name"])).split()) for word in words)
    ]


def _encode(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode()


def _decode(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        name, _colon, start = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        if name == "from" and 0 <= int(start) <= 1_000_000:
            return int(start)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidCursor(_("This page of results does not exist. Search again."))


def _by_words(words: list[str], owner: str, user_id: int, start: int, count: int) -> list[int]:
    """Foods that have every word as the beginning of one of theirs."""
    if _sqlite():
        match = " ".join(f'"{word}"*' for word in words)
        sql = f"""
            SELECT p.id FROM {WORDS} JOIN {TABLE} p ON p.id = {WORDS}.rowid
            WHERE {WORDS} MATCH %s AND {owner} ORDER BY {WORDS}.rank, p.id LIMIT %s OFFSET %s"""
        return _ids(sql, [match, user_id, count, start])
    query = " & ".join(f"{word}:*" for word in words)
    sql = f"""
        SELECT p.id FROM {TABLE} p, to_tsquery('simple', %s) q
        WHERE to_tsvector('simple', p.search_text) @@ q AND {owner}
        ORDER BY ts_rank(to_tsvector('simple', p.search_text), q, 1) DESC, p.id LIMIT %s OFFSET %s"""
    return _ids(sql, [query, user_id, count, start])


def _by_spelling(words: list[str], owner: str, user_id: int, count: int) -> list[int]:
    """Foods that have a word like every one of these. One page: what is less alike than that helps nobody."""
    if max(map(len, words)) < 4 or all(word.isdecimal() for word in words):
        return []
    if _sqlite():
        return _spelling_sqlite(words, owner, user_id)[:count]
    return _spelling_postgresql(words, owner, user_id, count) if _has_trigrams() else []


def _spelling_sqlite(words: list[str], owner: str, user_id: int) -> list[int]:
    """The index proposes 200 foods that share trigrams; how much they share is counted here."""
    wanted = [_trigrams(word) for word in words]
    shared = sorted({each for trigrams in wanted for each in trigrams if " " not in each})
    sql = f"""
        SELECT p.id, p.search_text FROM {TRIGRAMS} JOIN {TABLE} p ON p.id = {TRIGRAMS}.rowid
        WHERE {TRIGRAMS} MATCH %s AND {owner} ORDER BY {TRIGRAMS}.rank, p.id LIMIT 200"""
    with connections["default"].cursor() as cursor:
        cursor.execute(sql, [" OR ".join(f'"{each}"' for each in shared), user_id])
        rows = cursor.fetchall()
    alike: list[tuple[float, int]] = []
    for pk, text in rows:
        there = _trigrams(text)
        shares = [len(trigrams & there) / len(trigrams) for trigrams in wanted]
        if min(shares) >= LIKENESS:
            alike.append((-sum(shares), pk))
    return [pk for _share, pk in sorted(alike)]


def _spelling_postgresql(words: list[str], owner: str, user_id: int, count: int) -> list[int]:
    alike = " AND ".join(["%s <%% p.search_text"] * len(words))
    likeness = " + ".join(["word_similarity(%s, p.search_text)"] * len(words))
    sql = f"SELECT p.id FROM {TABLE} p WHERE {alike} AND {owner} ORDER BY {likeness} DESC, p.id LIMIT %s"
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(f"SET LOCAL pg_trgm.word_similarity_threshold = {LIKENESS_PG_TRGM}")
        cursor.execute(sql, [*words, user_id, *words, count])
        return [row[0] for row in cursor.fetchall()]


def _trigrams(text: str) -> set[str]:
    """Of every word, with two blanks before and one behind, as pg_trgm cuts them."""
    padded = (f"  {word} " for word in text.split())
    return {word[place : place + 3] for word in padded for place in range(len(word) - 2)}


def _ids(sql: str, arguments: Sequence[str | int]) -> list[int]:
    with connections["default"].cursor() as cursor:
        cursor.execute(sql, arguments)
        return [row[0] for row in cursor.fetchall()]


def _sqlite() -> bool:
    return connections["default"].vendor == "sqlite"


def _has_trigrams() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        return cursor.fetchone() is not None


def make_index(using: str) -> None:
    """Make what is missing, and fill it where something was. Runs after every migration; cheap when all is there."""
    connection = connections[using]
    if using != "default" or TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for index, tokenizer in ((WORDS, "unicode61 remove_diacritics 2"), (TRIGRAMS, "trigram")):
                cursor.execute(
                    "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s, %s)",
                    [f"{index}_on_insert", f"{index}_on_delete", f"{index}_on_update"],
                )
                whole = cursor.fetchone()[0] == 3
                for statement in _fts5(index, tokenizer):
                    cursor.execute(statement)
                if not whole:
                    cursor.execute(f"INSERT INTO {index}({index}) VALUES ('rebuild')")
            return
        # Looked up first: CREATE INDEX IF NOT EXISTS takes its lock even where it has nothing to do.
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [TABLE])
        there = {row[0] for row in cursor.fetchall()}
        if WORDS not in there:
            cursor.execute(f"CREATE INDEX {WORDS} ON {TABLE} USING gin (to_tsvector('simple', search_text))")
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if TRIGRAMS not in there and cursor.fetchone():
            _make_trigrams(using)


def _make_trigrams(using: str) -> None:
    """Only a superuser or the database's owner may; without it the search does without nearest spellings."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(f"CREATE INDEX {TRIGRAMS} ON {TABLE} USING gin (search_text gin_trgm_ops)")
    except ProgrammingError:
        return


def _fts5(index: str, tokenizer: str) -> list[str]:
    """An external-content table: it holds the index alone, the text stays in the food's row."""
    prefix = ", prefix='2 3 4'" if index == WORDS else ""
    put = f"INSERT INTO {index}(rowid, search_text) VALUES (new.id, new.search_text);"
    take = f"INSERT INTO {index}({index}, rowid, search_text) VALUES ('delete', old.id, old.search_text);"
    return [
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {index} USING fts5("
        f"search_text, content='{TABLE}', content_rowid='id', tokenize=\"{tokenizer}\"{prefix})",
        f"CREATE TRIGGER IF NOT EXISTS {index}_on_insert AFTER INSERT ON {TABLE} BEGIN {put} END",
        f"CREATE TRIGGER IF NOT EXISTS {index}_on_delete AFTER DELETE ON {TABLE} BEGIN {take} END",
        f"CREATE TRIGGER IF NOT EXISTS {index}_on_update AFTER UPDATE OF search_text ON {TABLE} BEGIN {take} {put} END",
    ]
