"""A real network, made here: it tells red, green and blue pictures apart."""

import hashlib
import json
import sys

import numpy as np
import pytest
from PIL import Image

from tests.factories import BARCODE, make_product
from tests.tracking.recognition.pieces import picture_of
from tracking.recognition import onnx as ours
from tracking.recognition.base import SURE, CannotAnswer
from tracking.recognition.onnx import ModelTrouble, OnnxStage, foods_in, load

pytestmark = pytest.mark.django_db
CLASSES = {"tomato_soup": {"search": "tomato soup"}, "spinach": {"search": "spinach"}, "cola": {"barcode": BARCODE}}
WITHOUT = "is not installed: pip install -r requirements-extra.txt"


@pytest.fixture
def network(settings):
    """Writes a network to MODEL_PATH and its mapping and description beside it."""
    onnx = pytest.importorskip("onnx", reason="onnx makes the network")
    pytest.importorskip("onnxruntime", reason=f"onnxruntime {WITHOUT}")
    helper, float32, int64 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

    def write(*, shape=("N", 3, 32, 32), layout="NCHW", outputs=3, softmax=False, told=None, classes=CLASSES):
        axes = [2, 3] if layout == "NCHW" else [1, 2]
        weights = np.zeros((3, outputs), np.float32)
        weights[:3, :3] = np.eye(3) * 2
        nodes = [
            helper.make_node("ReduceMean", ["picture", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["scores"]),
        ]
        if softmax:
            nodes.append(helper.make_node("Softmax", ["scores"], ["shares"], axis=1))
        graph = helper.make_graph(
            nodes,
            "colours",
            [helper.make_tensor_value_info("picture", float32, shape)],
            [helper.make_tensor_value_info("shares" if softmax else "scores", float32, ("N", outputs))],
            [
                helper.make_tensor("axes", int64, [2], axes),
                helper.make_tensor("weights", float32, weights.shape, weights.ravel()),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model)
        settings.MODEL_PATH.write_bytes(model.SerializeToString())
        settings.FOOD_MAPPING_PATH.write_text(json.dumps(classes))
        if told is not None:
            ours.sidecar_of(settings.MODEL_PATH).write_text(json.dumps(told))

    return write


def coloured(colour):
    return picture_of(Image.new("RGB", (300, 200), colour))


def best(colour):
    return max(OnnxStage().look(coloured(colour)), key=lambda each: each.confidence)


def trouble():
    with pytest.raises(CannotAnswer) as error:
        OnnxStage().look(coloured("red"))
    assert error.value.reason == "trouble"
    return error.value.sentence


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize(
    ("shape", "layout"),
    [(("N", 3, 32, 32), "NCHW"), ((1, 3, "h", "w"), "NCHW"), ((1, 24, 40, 3), "NHWC")],
    ids=["usual", "any size", "colours last"],
)
def test_network_names_the_food_whatever_it_wants_to_see(network, shape, layout, softmax):
    network(shape=shape, layout=layout, softmax=softmax)

    assert (best("red").name, best("red").search) == ("tomato soup", "tomato soup")
    assert best("green").search == "spinach"


def test_class_with_a_barcode_is_its_food_where_that_is_known(network):
    network()
    unknown = best("blue")
    product = make_product()
    known = best("blue")

    assert (unknown.barcode, unknown.product) == (BARCODE, "")
    assert (known.barcode, known.product) == (BARCODE, str(product.uuid))


def test_network_is_sure_only_where_it_says_it_is_calibrated(network):
    network(told={"mean": [0, 0, 0], "std": [0.1, 0.1, 0.1]})
    boasting = best("red")
    network(told={"mean": [0, 0, 0], "std": [0.1, 0.1, 0.1], "calibrated": True})

    assert boasting.confidence < SURE
    assert best("red").confidence >= SURE


def test_class_that_the_mapping_leaves_out_is_not_offered(network):
    network(
        told={"classes": list(CLASSES), "mean": [0.5] * 3, "std": [1] * 3}, classes={"spinach": {"search": "spinach"}}
    )

    assert [each.search for each in OnnxStage().look(coloured("red"))] == ["spinach"]


def test_another_model_in_the_same_place_is_used_at_once(network):
    network()
    assert best("red").search == "tomato soup"

    network(classes={"steak": {"search": "steak"}, "b": {"search": "b"}, "c": {"search": "c"}})

    assert best("red").search == "steak"


def test_file_that_is_not_the_one_described_is_not_used(network, settings):
    network()
    right = hashlib.sha256(settings.MODEL_PATH.read_bytes()).hexdigest()
    network(told={"sha256": right})
    model = load()
    assert model is not None
    assert model.sha256 == right

    network(told={"sha256": "0" * 64})

    assert "checksum" in trouble()


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"outputs": 5}, "tells 5 classes apart, and 3 are named"),
        ({"shape": (1, 3)}, "no image classifier"),
        ({"told": {"std": [0, 1, 1]}}, "cannot be right"),
        ({"told": {"mean": "bright"}}, "where numbers belong"),
        ({"told": {"layout": "WHCN"}}, "cannot be right"),
        ({"told": {"size": 10**9}, "shape": (1, 3, "h", "w")}, "cannot be right"),
    ],
)
def test_network_that_cannot_fit_is_told_in_a_sentence(network, settings, made, sentence):
    if made.get("shape") == (1, 3):
        onnx = pytest.importorskip("onnx")
        network()
        model = onnx.load_model(settings.MODEL_PATH)
        model.graph.node.pop(0)
        model.graph.node[0].input[0] = "picture"
        del model.graph.input[0].type.tensor_type.shape.dim[2:]
        onnx.save_model(model, settings.MODEL_PATH)
    else:
        network(**made)

    assert sentence in trouble()


def test_file_that_is_no_network_is_told_in_a_sentence(network, settings):
    network()
    settings.MODEL_PATH.write_bytes(b"not a network")

    assert "cannot be loaded" in trouble()


# --- Without onnxruntime too ------------------------------------------------------------------------------------------
def test_without_a_model_the_stage_is_off():
    with pytest.raises(CannotAnswer) as error:
        OnnxStage().look(coloured("red"))

    assert error.value.reason == "off"


def test_missing_onnxruntime_is_told_with_how_to_install_it(settings, monkeypatch):
    settings.MODEL_PATH.write_bytes(b"a network")
    settings.FOOD_MAPPING_PATH.write_text(json.dumps(CLASSES))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as Python itself marks what cannot be imported

    assert WITHOUT in trouble()


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [(None, "is missing"), ("{", "cannot be read"), ("[]", "not a JSON object"), ('{"a": {}}', "class 'a' needs")],
)
def test_mapping_that_is_none_is_told_in_a_sentence(settings, mapping, sentence):
    settings.MODEL_PATH.write_bytes(b"a network")
    if mapping is not None:
        settings.FOOD_MAPPING_PATH.write_text(mapping)

    assert sentence in trouble()


@pytest.mark.parametrize("said", [None, "pizza", 7, {}, {"search": " "}, {"search": None}, {"barcode": "abc"}])
def test_class_without_a_food_is_refused(said):
    with pytest.raises(ModelTrouble, match="FOOD_MAPPING_PATH: class 'pizza'"):
        foods_in({"pizza": said})
