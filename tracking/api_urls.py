from django.urls import path

from tracking.api import photos

urlpatterns = [
    path("photos", photos.PhotoList.as_view(), name="photos"),
    path("photos/<uuid:photo_id>", photos.PhotoDetail.as_view(), name="photo"),
    path("photos/<uuid:photo_id>/image", photos.PhotoImage.as_view(), name="photo_image"),
]
