"""A person's diary: what they ate, cook, weigh and aim for."""

from tracking.models.awaited import Awaited
from tracking.models.body import Measurement, MeasurementKind, WeightEntry
from tracking.models.diary import STANDARD_MEALS, Favourite, Meal, MealItem, Undo
from tracking.models.drafts import Draft, DraftItem
from tracking.models.insights import Insight
from tracking.models.photos import Example, ExampleFood, Photo
from tracking.models.portion import Basis, Portion
from tracking.models.recipes import Ingredient, Recipe
from tracking.models.recognisers import Recogniser
from tracking.models.targets import Profile, Target, TargetDay

__all__ = [
    "STANDARD_MEALS",
    "Awaited",
    "Basis",
    "Draft",
    "DraftItem",
    "Example",
    "ExampleFood",
    "Favourite",
    "Ingredient",
    "Insight",
    "Meal",
    "MealItem",
    "Measurement",
    "MeasurementKind",
    "Photo",
    "Portion",
    "Profile",
    "Recipe",
    "Recogniser",
    "Target",
    "TargetDay",
    "Undo",
    "WeightEntry",
]
