import pytest


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where photos go; no model and no service are set up."""
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.MODEL_PATH, settings.FOOD_MAPPING_PATH = tmp_path / "model.onnx", tmp_path / "food_mapping.json"
    settings.VISION_BASE_URL = settings.VISION_MODEL = settings.VISION_API_KEY = ""
    return tmp_path
