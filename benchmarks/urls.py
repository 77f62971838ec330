from django.urls import path

from benchmarks.reference import Reference
from dietintel.urls import urlpatterns as product_urls

urlpatterns = [path("api/v1/reference/<int:pk>", Reference.as_view()), *product_urls]
handler404 = "dietintel.api_errors.not_found"
handler500 = "dietintel.api_errors.server_error"
