"""Values in JSON columns: exact decimals in, frozen values out."""

import json
from decimal import Decimal
from typing import Any

from django.db import models

from products.nutrients import NOTHING_DECLARED, Nutrients


class _ExactEncoder(json.JSONEncoder):
    """Decimals as JSON numbers: a float prints the shortest text that reads back the same, so four decimals survive."""

    def default(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        return super().default(value)


class _ExactDecoder(json.JSONDecoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(parse_float=Decimal, parse_int=Decimal, **kwargs)


class NutrientsField(models.JSONField):
    """A `Nutrients` of 100 g or 100 ml, stored as {"energy_kcal": 539, …}: a new nutrient needs no migration."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"default": _nothing, "encoder": _ExactEncoder, "decoder": _ExactDecoder}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {key: kwargs[key] for key in kwargs if key not in {"default", "encoder", "decoder"}}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        loaded = super().from_db_value(value, expression, connection)
        return Nutrients(loaded) if isinstance(loaded, dict) else loaded

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(_plain(value), connection, prepared)

    def to_python(self, value: Any) -> Any:
        """Also of what `value_to_string` gave to a fixture."""
        return (
            Nutrients({key: Decimal(str(figure)) for key, figure in value.items()})
            if isinstance(value, dict)
            else value
        )

    def value_to_string(self, obj: models.Model) -> Any:
        """For fixtures: JSON numbers, where Django's own encoder would write decimals as text."""
        return json.loads(json.dumps(_plain(self.value_from_object(obj)), cls=_ExactEncoder))

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(_plain(value), model_instance)


def _nothing() -> Nutrients:
    return NOTHING_DECLARED


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Nutrients) else value
