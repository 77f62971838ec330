from django.urls import path

from monitoring import api, gateway_api, tasks_api
from monitoring.metrics import api as metrics_api

urlpatterns = [
    path("monitoring/ping", api.Ping.as_view(), name="ping"),
    path("monitoring/ready", api.Ready.as_view(), name="ready"),
    path("monitoring/tasks/status", tasks_api.TasksStatus.as_view(), name="tasks-status"),
    path("monitoring/tasks/<uuid:task_id>", tasks_api.Task.as_view(), name="task"),
    path("monitoring/maintenance/cleanup", tasks_api.MaintenanceCleanup.as_view(), name="maintenance-cleanup"),
    path("monitoring/health", api.Health.as_view(), name="health"),
    path("monitoring/health/<str:check>", api.HealthOf.as_view(), name="health-check"),
    path("monitoring/metrics", metrics_api.Metrics.as_view(), name="monitoring-metrics"),
    path("gateway/circuit-breakers", gateway_api.CircuitBreakers.as_view(), name="circuit-breakers"),
    path(
        "gateway/circuit-breakers/<str:provider>/reset",
        gateway_api.CircuitBreakerReset.as_view(),
        name="circuit-breaker-reset",
    ),
    path("gateway/cache/stats", gateway_api.CacheStats.as_view(), name="gateway-cache-stats"),
]
