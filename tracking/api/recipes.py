"""Recipes over HTTP."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.accounts.idempotency import answer_once
from dietintel.http import AuthenticatedApiRequest, preferred_languages
from tracking.api.paging import PARAMETERS, page_of
from tracking.api.writing import KEY, answered_once
from tracking.models import Ingredient, Recipe
from tracking.recipes import RecipeBook
from tracking.serializers.recipes import (
    IngredientChanges,
    IngredientInput,
    RecipeChanges,
    RecipeInput,
    RecipeListOutput,
    RecipeOutput,
    ScaleInput,
    ShownRecipe,
    new_ingredients,
)
from tracking.services import recipes


def _mine(request: AuthenticatedApiRequest, pk: int) -> Recipe:
    return get_object_or_404(Recipe.objects.owned_by(request.user), pk=pk)


def _shown(request: AuthenticatedApiRequest, pk: int) -> dict[str, Any]:
    """The recipe as it is now. Three queries."""
    book = RecipeBook.of(request.user, preferred_languages(request))
    recipe = book.get(pk)
    assert recipe is not None
    body: dict[str, Any] = RecipeOutput(ShownRecipe(recipe, book.figures(recipe))).data
    return body


class RecipeList(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("search", str, description="Words or beginnings of words of the name"),
            *PARAMETERS,
        ],
        responses=RecipeListOutput,
        operation_id="recipes_list",
    )
    def get(self, request: AuthenticatedApiRequest) -> Response:
        """Your recipes by name, with what a serving of each has."""
        book = RecipeBook.of(request.user, preferred_languages(request))
        rows = Recipe.objects.owned_by(request.user)
        text = request.query_params.get("search", "")[:200]
        if text:
            rows = rows.filter(pk__in=[recipe.pk for recipe in book.search(text)])
        page, next_cursor = page_of(rows, request, by=("name", "pk"))
        shown = [ShownRecipe(recipe, book.figures(recipe)) for recipe in page if recipe in book]
        return Response(RecipeListOutput({"results": shown, "next_cursor": next_cursor}).data)

    @extend_schema(parameters=[KEY], request=RecipeInput, responses={201: RecipeOutput}, operation_id="recipes_create")
    @answered_once
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """A new recipe, with its ingredients or without any yet."""
        wanted = RecipeInput(data=request.data)
        wanted.is_valid(raise_exception=True)

        def write() -> dict[str, Any]:
            details = dict(wanted.validated_data)
            rows = details.pop("ingredients", [])
            inside = new_ingredients(rows, request.user, preferred_languages(request), path="ingredients.{place}.")
            return _shown(request, recipes.create(request.user, ingredients=inside, **details).pk)

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class RecipeDetail(APIView):
    @extend_schema(responses=RecipeOutput, operation_id="recipes_read")
    def get(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """One recipe with its ingredients, and what all of it, a serving and 100 g have."""
        return Response(_shown(request, _mine(request, pk).pk))

    @extend_schema(request=RecipeChanges, responses=RecipeOutput, operation_id="recipes_change")
    def patch(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Change name, servings, cooked weight or note."""
        recipe, changes = _mine(request, pk), RecipeChanges(data=request.data)
        changes.is_valid(raise_exception=True)
        recipes.change(recipe, changes.validated_data)
        return Response(_shown(request, pk))

    @extend_schema(responses={204: None}, operation_id="recipes_delete")
    def delete(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Delete a recipe. What was eaten of it stays in the diary, and recipes with it in them keep its figures."""
        recipes.delete(_mine(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class IngredientList(APIView):
    @extend_schema(
        parameters=[KEY], request=IngredientInput, responses={201: RecipeOutput}, operation_id="recipes_ingredients_add"
    )
    @answered_once
    def post(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Add an ingredient at the end. Answers with the recipe as it is then."""
        recipe, wanted = _mine(request, pk), IngredientInput(data=request.data)
        wanted.is_valid(raise_exception=True)

        def write() -> dict[str, Any]:
            inside = new_ingredients([wanted.validated_data], request.user, preferred_languages(request))
            recipes.add_ingredients(recipe, inside)
            return _shown(request, pk)

        return answer_once(request, write, status=status.HTTP_201_CREATED)


class IngredientDetail(APIView):
    @extend_schema(request=IngredientChanges, responses=RecipeOutput, operation_id="recipes_ingredients_change")
    def patch(self, request: AuthenticatedApiRequest, pk: int, ingredient: int) -> Response:
        """Change how much of it there is, or where it stands. Answers with the recipe as it is then."""
        row, wanted = self._row(request, pk, ingredient), IngredientChanges(data=request.data)
        wanted.is_valid(raise_exception=True)
        recipes.change_ingredient(row, wanted.validated_data)
        return Response(_shown(request, pk))

    @extend_schema(responses={204: None}, operation_id="recipes_ingredients_remove")
    def delete(self, request: AuthenticatedApiRequest, pk: int, ingredient: int) -> Response:
        """Take it out of the recipe."""
        recipes.remove_ingredient(self._row(request, pk, ingredient))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _row(self, request: AuthenticatedApiRequest, pk: int, ingredient: int) -> Ingredient:
        mine = Ingredient.objects.filter(recipe__user_id=request.user.pk, recipe__pk=pk).select_related("recipe")
        return get_object_or_404(mine, pk=ingredient)


class RecipeDuplicate(APIView):
    @extend_schema(parameters=[KEY], request=None, responses={201: RecipeOutput}, operation_id="recipes_duplicate")
    @answered_once
    def post(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Another recipe with the same ingredients, called "Copy of …"."""
        recipe = _mine(request, pk)
        return answer_once(
            request, lambda: _shown(request, recipes.duplicate(recipe).pk), status=status.HTTP_201_CREATED
        )


class RecipeScale(APIView):
    @extend_schema(parameters=[KEY], request=ScaleInput, responses=RecipeOutput, operation_id="recipes_scale")
    @answered_once
    def post(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Cook it for another number of `servings`, or `factor` times as much: all amounts change, a serving stays."""
        recipe, wanted = _mine(request, pk), ScaleInput(data=request.data)
        wanted.is_valid(raise_exception=True)

        def write() -> dict[str, Any]:
            recipes.scale(recipe, **wanted.validated_data)
            return _shown(request, pk)

        return answer_once(request, write, status=status.HTTP_200_OK)
