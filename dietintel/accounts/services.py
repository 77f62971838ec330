"""Making accounts."""

from django.conf import settings
from django.db import IntegrityError, transaction

from dietintel.accounts.models import User


class SignupClosed(Exception):
    """This installation takes no new accounts. Do not retry."""


class OwnerExists(Exception):
    """Somebody became the owner a moment ago. Retry as a normal account, where those may be made."""


class UsernameTaken(Exception):
    """Somebody has that name. Ask for another."""


def signup_open() -> bool:
    """Whether a visitor may make an account now; in mode `first` while there is nobody."""
    if settings.SIGNUP == "first":
        return not User.objects.exists()
    return bool(settings.SIGNUP == "open")


def sign_up(*, username: str, password: str, time_zone: str) -> User:
    """Make an account. The first one becomes the owner, who may use the admin.

    Raises SignupClosed, also for the second of two first visitors at the same moment, and UsernameTaken.
    """
    # Asked once: whoever is let in as the first is saved as the owner, and the database takes one owner.
    first = not User.objects.exists()
    if settings.SIGNUP == "closed" or (settings.SIGNUP == "first" and not first):
        raise SignupClosed
    user = User(username=username, time_zone=time_zone)
    user.set_password(password)
    try:
        return _save(user, owner=first)
    except OwnerExists:
        if settings.SIGNUP == "first":
            raise SignupClosed from None
        return _save(user, owner=False)


def _save(user: User, *, owner: bool) -> User:
    """Raises UsernameTaken, and OwnerExists where `owner` is asked for and somebody was faster."""
    user.is_owner = user.is_staff = user.is_superuser = owner
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        if User.objects.filter(username=user.username).exists():
            raise UsernameTaken from error
        raise OwnerExists from error
    return user
