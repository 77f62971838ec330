"""What reads photos: the network at MODEL_PATH, and what training learned for each person."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from PIL import Image

from monitoring.health.checks import NotConfigured
from monitoring.health.healing import Heal, NotNow
from tracking.models import Recogniser
from tracking.recognition import features, onnx
from tracking.recognition.onnx import ModelTrouble
from tracking.recognition.personal import trusted
from tracking.services import recognisers

SLOW_S = 2.0  # a person waits for it
AT_ONCE = 50  # recognisers in memory: each is some 60 kB


@dataclasses.dataclass
class MlModel(HealthCheck):
    """The network loads, is the file that it says it is, and answers; recognisers in use are as they were written."""

    def run(self) -> None:
        self.details: dict[str, Any] = {}
        installed = self._network()
        damaged, in_use = len(list(_damaged())), Recogniser.objects.active().count()
        self.details |= {"recognisers": in_use, "damaged": damaged}
        if damaged:
            raise ServiceUnavailable(f"{damaged} of {in_use} recognisers in use are damaged.")
        if not installed and not in_use:
            raise NotConfigured("There is no model for reading photos.")
        if installed and self.details["probe_ms"] > SLOW_S * 1000:
            raise ServiceWarning(f"Looking at a photo took {self.details['probe_ms'] / 1000:.1f} s.")

    def _network(self) -> bool:
        """Whether there is one."""
        try:
            model = onnx.load()
            if model is None:
                return False
            began = time.perf_counter()
            model.probabilities(Image.new("RGB", (onnx.SIDE_PX, onnx.SIDE_PX), "grey"))
        except ModelTrouble as error:
            self.details["error"] = str(error)
            raise ServiceUnavailable("The model for reading photos cannot be used.") from error
        self.details |= {"probe_ms": round((time.perf_counter() - began) * 1000, 1), "sha256": model.sha256}
        return True


def _damaged() -> Iterator[Recogniser]:
    """Of those in use. One of other features is whole; it waits for the next training."""
    current = Recogniser.objects.active().filter(features=features.VERSION).select_related("user")
    return (row for row in current.order_by("pk").iterator(AT_ONCE) if trusted(row) is None)


class ReloadModel(Heal):
    """Here; other processes load it again themselves when it fails them."""

    name, label = "reload_model", "load the model again"

    def apply(self) -> str:
        onnx.forget()
        if onnx.load() is None:
            raise NotNow("There is no model file.")
        return "Loaded the model again."


class PreviousRecogniser(Heal):
    name, label = "previous_recogniser", "go back to the last recognisers that are whole"

    def apply(self) -> str:
        damaged = list(_damaged())
        if not damaged:
            raise NotNow("No recogniser in use is damaged.")
        earlier = sum(bool(recognisers.fall_back(row, by=f"the remedy {self.name}")) for row in damaged)
        return f"Took {len(damaged)} damaged recogniser(s) out of use; an earlier version took the place of {earlier}."
