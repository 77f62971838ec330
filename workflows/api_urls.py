from django.urls import path

from workflows import api

urlpatterns = [
    path("workflows/list", api.RunList.as_view(), name="runs"),
    path("workflows/stats", api.RunStatistics.as_view(), name="run_statistics"),
    path("workflows/status/<uuid:run_id>", api.RunStatus.as_view(), name="run_status"),
    path("workflows/cancel/<uuid:run_id>", api.RunCancel.as_view(), name="run_cancel"),
    path("workflows/retry/<uuid:run_id>", api.RunRetry.as_view(), name="run_retry"),
]
