"""The least that an authenticated answer from the database can cost: the measure for the others."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from products.models import Product

BODY = {"filler": "x" * 1100}  # about as many bytes as a food


class Reference(APIView):
    """Same middleware, same login by token, one row by its primary key, a constant body."""

    def get(self, request: Request, pk: int) -> Response:
        Product.objects.values_list("pk").get(pk=pk)
        return Response(BODY)
