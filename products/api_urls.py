from django.urls import path

from products import api

urlpatterns = [
    path("products", api.ProductList.as_view(), name="products"),
    path("products/scan", api.Scan.as_view(), name="scan"),
    path("gateway/<str:provider>/search", api.OnlineSearch.as_view(), name="online_search"),
    path("products/<path:reference>", api.ProductDetail.as_view(), name="product"),
]
