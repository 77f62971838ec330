"""Deleting an account, with everything that is the person's."""

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.module_loading import import_string

from dietintel.accounts.models import User
from products.models import Product
from tracking.transfer import uploads


def delete_account(user: User) -> None:
    """Delete the person and all that is theirs: by cascade, and what only names them. Their programs are signed out.

    The last person may go as well: the server is then as on its first day, and the next visitor becomes its owner.
    """
    uploads.forget(user)
    with transaction.atomic():
        foods = [str(pk) for pk in Product.objects.owned_by(user).values_list("pk", flat=True)]
        _forget_in_admin_log(User, [str(user.pk)])
        _forget_in_admin_log(Product, foods)
        _end_sessions(user)
        User.objects.get(pk=user.pk).delete()


def _forget_in_admin_log(model: type[User] | type[Product], ids: list[str]) -> None:
    """The admin's log keeps what rows were called. What the person did there goes by cascade."""
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=ids).delete()


def _end_sessions(user: User) -> None:
    """On every device, in the database and in the cache. A session says only inside whose it is, so all are read."""
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            store(session.session_key).delete()
