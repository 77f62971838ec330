from django.urls import path

from products import views

urlpatterns = [
    path("scan/", views.scan, name="scan"),
    path("foods/", views.foods, name="foods"),
    path("foods/new/", views.food_new, name="food_new"),
    path("foods/online/", views.foods_online, name="foods_online"),
    path("foods/online/keep", views.keep_online, name="keep_online"),
    path("foods/<str:reference>/", views.food, name="food"),
    path("foods/<str:reference>/change/", views.food_change, name="food_change"),
    path("foods/<str:reference>/delete/", views.food_delete, name="food_delete"),
]
