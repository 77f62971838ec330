"""Photos of the demo account: drawn, on the days of meals that look so, confirmed as what was logged."""

import pytest
from django.core.management import call_command

from dietintel.accounts.models import User
from tracking import demo_photos
from tracking.dates import today_of
from tracking.models import Example, MealItem, Photo

pytestmark = pytest.mark.django_db


def test_demo_has_photos_of_its_meals_and_leaves_the_last_ones_for_the_visitor(settings, tmp_path, monkeypatch):
    settings.UPLOAD_DIR = tmp_path
    monkeypatch.setattr(demo_photos, "OF_EACH", 1)  # each takes a quarter of a second to draw
    monkeypatch.setattr(demo_photos, "DAYS", 20)

    call_command("demo")

    user = User.objects.get()
    days = dict(Photo.objects.owned_by(user).values_list("pk", "day"))
    examples = list(Example.objects.owned_by(user))
    assert 5 <= len(days) <= len(demo_photos.LOOKS)
    old = {pk for pk, day in days.items() if day and (today_of(user) - day).days >= demo_photos.ASKED_DAYS}
    assert {example.photo_id for example in examples} == old
    for example in examples:
        day = days[example.photo_id or 0]
        assert day is not None
        logged = MealItem.objects.owned_by(user).filter(meal__day=day)
        assert {food.product_id for food in example.foods.all()} <= {item.product_id for item in logged}
