"""What the writes of the API have in common: they answer a repeated request with the first answer."""

from dietintel.accounts.idempotency import KEY, answered_once

__all__ = ["KEY", "answered_once"]
