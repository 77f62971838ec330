from django.apps import AppConfig
from django.db.models.signals import post_delete


class TrackingConfig(AppConfig):
    name = "tracking"

    def ready(self) -> None:
        from tracking.services import photos  # with it come its rules for old data

        post_delete.connect(photos.files_go, sender="tracking.Photo")
