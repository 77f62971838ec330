"""What every line of the logs has: the id of the request it belongs to. Imports nothing, as the supervisor logs too."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """The id of the request being served, "-" outside of one."""
    return request_id.get()


class RequestIdFilter(logging.Filter):
    """Gives every log record the id of the request it belongs to, unless it names another, as runs do."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = current_request_id()
        return True


class CrashFilter(logging.Filter):
    """Of what Django says about requests, only crashes: the access line tells every other status already."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None
