"""Making accounts."""

from django.conf import settings
from django.db import IntegrityError, transaction

from dietintel.accounts.models import User


class SignupClosed(Exception):
    """This installation takes no new accounts. Do not retry."""


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
    if not signup_open():
        raise SignupClosed
    first = not User.objects.exists()
    user = User(username=username, time_zone=time_zone, is_owner=first, is_staff=first, is_superuser=first)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        if User.objects.filter(username=username).exists():
            raise UsernameTaken from error
        raise SignupClosed from error
    return user
