"""The services that this app calls, as the operator's overview finds them."""

from tracking.recognition.vision import Vision, vision


def in_order() -> list[Vision]:
    """Those that are switched on."""
    service = vision()
    return [service] if service else []
