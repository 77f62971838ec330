"""What the description of the API says of every operation alike: how an error looks, how a time of day is written."""

from collections.abc import Iterator
from typing import Any

from dietintel.http import CATEGORIES

ERROR: dict[str, Any] = {
    "type": "object",
    "description": "Every error has this shape. Some add an address that helps, such as `own_food_url`.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["category", "code", "message", "timestamp", "details", "request_id", "user_message"],
            "properties": {
                "category": {"type": "string", "enum": sorted({*CATEGORIES.values(), "workflow"})},
                "code": {"type": "string", "description": "For programs; stays as it is", "examples": ["NOT_FOUND"]},
                "message": {"type": "string", "description": "For programmers"},
                "user_message": {"type": "string", "description": "For the person"},
                "timestamp": {"type": "number", "description": "Seconds since 1970, UTC"},
                "request_id": {"type": "string", "description": "Also in the header X-Request-ID, and in the logs"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
            },
        }
    },
}
AS_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
OTHERWISE = "An error: not signed in (401), not allowed (403), not there (404), not right (422), too often (429) …"
# The format "time" of JSON Schema is RFC 3339's, with an offset. A time of the diary is one of a clock on the wall.
WALL_CLOCK = r"^\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["components"]["schemas"]["Error"] = ERROR
    for path in result["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if status >= "400":
                    response.setdefault("content", AS_ERROR)
            responses.setdefault("default", {"description": OTHERWISE, "content": AS_ERROR})
    for schema in _inside(result):
        if schema.get("format") == "time":
            del schema["format"]
            schema["pattern"] = WALL_CLOCK
    return result


def _inside(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, however deep."""
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _inside(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _inside(inner)
