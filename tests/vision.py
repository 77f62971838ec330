"""An OpenAI-compatible vision service on 127.0.0.1 that writes what a test tells it to."""

import base64
import io
import json
from typing import Any

from PIL import Image

from tests.provider import FakeProvider, Reply, as_json

PATH = "/v1/chat/completions"
GOOD = [
    {"name": "Scrambled eggs", "grams": 120, "confidence": 0.8},
    {"name": "Strawberries", "grams": 60.5, "confidence": 0.7},
    {"name": "Bacon", "grams": None, "confidence": 0.6},
]


class FakeVision(FakeProvider):
    """Sees eggs, strawberries and bacon, until a test plans otherwise."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.route(PATH, lambda request, match: self._completion(content(GOOD)))

    def sees(self, foods: object) -> None:
        """Such a list of foods."""
        self.writes(content(foods))

    def writes(self, text: object, *, finish_reason: str = "stop", **message: object) -> None:
        """Exactly this text."""
        self.route(PATH, lambda request, match: self._completion(text, finish_reason, **message))

    def _completion(self, text: object, finish_reason: str = "stop", **message: object) -> Reply:
        said = {"role": "assistant", "content": text, **message}
        return as_json({"id": "1", "choices": [{"index": 0, "message": said, "finish_reason": finish_reason}]})

    @property
    def asked(self) -> dict[str, Any]:
        """The document of the last request."""
        document: dict[str, Any] = json.loads(self.last.body)
        return document

    @property
    def shown(self) -> Image.Image:
        """The picture in the last request."""
        url = self.asked["messages"][0]["content"][1]["image_url"]["url"]
        kind, _comma, data = url.partition(",")
        assert kind == "data:image/jpeg;base64"
        return Image.open(io.BytesIO(base64.b64decode(data)))


def content(foods: object) -> str:
    return json.dumps({"foods": foods})
