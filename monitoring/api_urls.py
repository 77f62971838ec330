from django.urls import path

from monitoring import api

urlpatterns = [
    path("monitoring/ping", api.Ping.as_view(), name="ping"),
    path("monitoring/ready", api.Ready.as_view(), name="ready"),
]
