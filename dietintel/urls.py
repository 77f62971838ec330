"""Every address of the site. With `api_errors` and `serve`, the only modules that know every app."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from monitoring.api_urls import urlpatterns as monitoring_api
from monitoring.metrics.api import Prometheus
from products.api_urls import urlpatterns as products_api
from tracking.api_urls import urlpatterns as tracking_api
from workflows.api_urls import urlpatterns as workflows_api

# JSON, which every reader of YAML understands too, unless YAML is asked for.
schema = SpectacularAPIView.as_view(
    api_version="v1",
    renderer_classes=[OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2],
)
api_v1 = [
    *products_api,
    *tracking_api,
    *workflows_api,
    *monitoring_api,
    path("schema", schema, name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="v1:schema"), name="docs"),
]
urlpatterns = [
    path("", login_required(RedirectView.as_view(pattern_name="today")), name="home"),
    path("", include("dietintel.accounts.urls")),
    path("", include("products.urls")),
    path("", include("tracking.urls")),
    path("", include("workflows.urls")),
    path("admin/", admin.site.urls),
    path("metrics", Prometheus.as_view(), name="metrics"),
    path("api/v1/", include((api_v1, "v1"), namespace="v1")),
]
handler400 = "dietintel.api_errors.bad_request"
handler403 = "dietintel.api_errors.forbidden"
handler404 = "dietintel.api_errors.not_found"
handler500 = "dietintel.api_errors.server_error"
