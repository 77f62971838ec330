"""Any image classifier in ONNX form: MODEL_PATH is the network, FOOD_MAPPING_PATH says what its classes are as foods.

    food_mapping.json    {"pizza": {"search": "pizza"}, "cola_can": {"barcode": "5449000000996"}, …}
    model.onnx.json      beside the model, everything optional:
                         {"classes": ["pizza", …], "size": 224, "layout": "NCHW", "mean": […], "std": […],
                          "scale": 255, "sha256": "…", "calibrated": false}

Without "classes" the mapping names them in the order of the network's outputs. A class that the mapping leaves out is
not offered. Networks are as confident when they are wrong, so that one is never sure unless it says it is calibrated.
"""

import hashlib
import importlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from products import lookup
from products.barcodes import InvalidBarcode, normalise
from tracking.recognition.arrays import Array, np
from tracking.recognition.base import SURE, Candidate, CannotAnswer, Picture

SIDE_PX = 224  # what image networks look at, where neither the network nor its sidecar says anything else
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, on which most were trained
MOST_SHOWN = 5
LEAST_CONFIDENCE = 0.05
NEVER_SURE = SURE - 0.05


class ModelTrouble(Exception):
    """There is a model, and it cannot be used. The message is a sentence for whoever runs the server."""


class RuntimeMissing(ModelTrouble):
    """onnxruntime is not installed."""


@dataclass(frozen=True)
class Food:
    """What a class is as food: words to search for, or a barcode."""

    search: str = ""
    barcode: str = ""


@dataclass(frozen=True)
class Input:
    """How the network wants to see a picture."""

    name: str
    width: int
    height: int
    layout: Literal["NCHW", "NHWC"]
    kind: str  # of numbers: float32, float16 or uint8
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    scale: float = 255.0

    def of(self, image: Image.Image) -> "np.ndarray[Any, Any]":
        """The middle of the picture in the network's size."""
        small = ImageOps.fit(image.convert("RGB"), (self.width, self.height), Image.Resampling.BILINEAR)
        pixels = np.asarray(small, np.float32)
        if self.kind != "uint8":  # networks that take bytes do this themselves
            pixels = (pixels / self.scale - np.array(self.mean)) / np.array(self.std)
        if self.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        return pixels[None].astype(self.kind)


@dataclass(frozen=True)
class Model:
    """A network that is ready. One for each process and file."""

    network: Any
    input: Input
    classes: tuple[str, ...]
    foods: Mapping[str, Food]
    sha256: str
    calibrated: bool

    def probabilities(self, image: Image.Image) -> Array:
        """Of every class. Raises ModelTrouble."""
        try:
            answer = self.network.run(None, {self.input.name: self.input.of(image)})[0]
        except Exception as error:  # noqa: BLE001 (onnxruntime's have no common class)
            raise ModelTrouble(f"The model failed on a picture: {error}"[:300]) from error
        scores = np.asarray(answer, np.float64).reshape(-1)
        if len(scores) != len(self.classes) or not np.isfinite(scores).all():
            raise ModelTrouble(f"The model gave {len(scores)} scores for {len(self.classes)} classes, or no numbers.")
        if (scores >= 0).all() and math.isclose(scores.sum(), 1, abs_tol=0.01):
            return scores.astype(np.float32)
        raised = np.exp(scores - scores.max())
        shares: Array = (raised / raised.sum()).astype(np.float32)
        return shares


def load() -> Model | None:
    """The model that the settings name; None where there is no such file. Raises ModelTrouble."""
    model, mapping = Path(settings.MODEL_PATH), Path(settings.FOOD_MAPPING_PATH)
    if not model.is_file():
        return None
    # Read again when one of the files changes.
    return _load(model, mapping, tuple(_stamp(path) for path in (model, sidecar_of(model), mapping)))


def forget() -> None:
    """Have the next `load` read everything again."""
    _load.cache_clear()


def sidecar_of(model: Path) -> Path:
    return model.with_name(f"{model.name}.json")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1)
def _load(path: Path, mapping: Path, stamps: object) -> Model:
    told = _object_in(sidecar_of(path)) if sidecar_of(path).exists() else {}
    foods = foods_in(_object_in(mapping))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if told.get("sha256", sha256) != sha256:
        raise ModelTrouble(f"{path.name} is not the file that {sidecar_of(path).name} describes: its checksum differs.")
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise RuntimeMissing(
            "There is a model, and onnxruntime to run it is not installed: pip install -r requirements-extra.txt"
        ) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # workers and threads of ours share the processors already
    options.log_severity_level = 4
    try:
        network = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        shape = _input(network.get_inputs(), told)
    except ModelTrouble:
        raise
    except Exception as error:  # noqa: BLE001 (onnxruntime's have no common class)
        raise ModelTrouble(f"{path.name} cannot be loaded: {error}"[:300]) from error
    classes = tuple(map(str, told.get("classes", foods)))
    given = network.get_outputs()[0].shape
    if given and isinstance(given[-1], int) and given[-1] != len(classes):
        raise ModelTrouble(f"{path.name} tells {given[-1]} classes apart, and {len(classes)} are named.")
    return Model(network, shape, classes, foods, sha256, told.get("calibrated") is True)


def foods_in(mapping: Mapping[str, Any]) -> dict[str, Food]:
    """The mapping, checked. Raises ModelTrouble."""
    found = {}
    for name, said in mapping.items():
        words = said.get("search") if isinstance(said, dict) else None
        code = said.get("barcode") if isinstance(said, dict) else None
        try:
            food = Food(barcode=normalise(str(code)).digits) if code else Food(search=str(words or "").strip())
        except InvalidBarcode as error:
            raise ModelTrouble(f"FOOD_MAPPING_PATH: class {name!r} has a barcode that is none: {error}") from error
        if not food.search and not food.barcode:
            raise ModelTrouble(f'FOOD_MAPPING_PATH: class {name!r} needs {{"search": "…"}} or {{"barcode": "…"}}.')
        found[name] = food
    return found


def _object_in(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelTrouble(
            f"There is a model, and {path.name}, which says what its classes are, is missing."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelTrouble(f"{path.name} cannot be read as JSON.") from error
    if not isinstance(found, dict):
        raise ModelTrouble(f"{path.name} is not a JSON object.")
    return found


def _input(inputs: Sequence[Any], told: Mapping[str, Any]) -> Input:
    """From what the network declares; the sidecar where it leaves something open."""
    kinds = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in kinds:
        raise ModelTrouble("The model does not take one picture: it is no image classifier.")
    shape = inputs[0].shape
    layout = told.get("layout") or ("NHWC" if shape[3] == 3 and shape[1] != 3 else "NCHW")
    size = told.get("size", SIDE_PX)
    try:
        rows, columns = (shape[2], shape[3]) if layout == "NCHW" else (shape[1], shape[2])
        height, width = (side if isinstance(side, int) else int(size) for side in (rows, columns))
        mean, std = (
            [float(part) for part in told.get(name, default)] for name, default in (("mean", MEAN), ("std", STD))
        )
        scale = float(told.get("scale", 255.0))
    except (TypeError, ValueError) as error:
        raise ModelTrouble("The model's description has something else where numbers belong.") from error
    sound = len(mean) == len(std) == 3 and min(std) > 0 and scale > 0
    if layout not in {"NCHW", "NHWC"} or not sound or not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise ModelTrouble("The model's description cannot be right: see layout, size, mean, std and scale.")
    return Input(inputs[0].name, width, height, layout, kinds[inputs[0].type], (*mean,), (*std,), scale)  # type: ignore[arg-type]


# --- The stage ------------------------------------------------------------------------------------------------------
class OnnxStage:
    name: ClassVar[str] = "onnx"

    def look(self, picture: Picture) -> Sequence[Candidate]:
        try:
            model = load()
            if model is None:
                raise CannotAnswer("off", _("No model is installed."))
            likely = model.probabilities(picture.at_most(1024))
        except ModelTrouble as error:
            forget()
            raise CannotAnswer("trouble", str(error)) from error
        found = []
        for place in np.argsort(-likely, kind="stable")[:MOST_SHOWN]:
            name, share = model.classes[place], float(likely[place])
            if name in model.foods and share >= LEAST_CONFIDENCE:
                confidence = share if model.calibrated else min(share, NEVER_SURE)
                found.append(self._candidate(name, model.foods[name], confidence, picture))
        if not found:
            raise CannotAnswer("unsure", _("The model does not recognise a food."))
        return found

    def _candidate(self, name: str, food: Food, confidence: float, picture: Picture) -> Candidate:
        """A barcode that is known here becomes its food; nobody is asked for one that may not be on the plate."""
        plain = name.replace("_", " ")
        if not food.barcode:
            return Candidate(plain, confidence, self.name, search=food.search)
        product = lookup.known(normalise(food.barcode), picture.user)
        if product is None:
            return Candidate(plain, confidence, self.name, barcode=food.barcode)
        return Candidate(product.name, confidence, self.name, product=str(product.uuid), barcode=food.barcode)
