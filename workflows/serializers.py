"""Runs in the API: what goes out."""

from typing import Any

from rest_framework import serializers

from workflows.models import Attempt
from workflows.reading import RunShown, StepShown
from workflows.states import Outcome, Priority, RunState


class AttemptSerializer(serializers.Serializer[Attempt]):
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField(choices=Outcome.choices)


class StepSerializer(serializers.Serializer[StepShown]):
    def get_fields(self) -> dict[str, Any]:
        # `required` is an attribute of every serializer, so a field of that name is added here.
        return {**super().get_fields(), "required": serializers.BooleanField(source="plan.required")}

    id = serializers.UUIDField(source="step.uuid")
    name = serializers.CharField()
    index = serializers.IntegerField(source="step.index", help_text="-1: the step itself; 0 and up: one of its items")
    status = serializers.ChoiceField(source="state", choices=RunState.choices)
    reason = serializers.CharField(help_text="Why it is so, in words; may be empty")
    attempts = AttemptSerializer(many=True)
    max_attempts = serializers.IntegerField(source="plan.attempts")
    progress = serializers.FloatField(help_text="0 to 1")
    note = serializers.CharField(source="step.note")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(source="step.finished_at", allow_null=True)
    duration_s = serializers.FloatField(allow_null=True)
    error = serializers.CharField()


class RunSerializer(serializers.Serializer[RunShown]):
    """A run with all its steps."""

    workflow_id = serializers.UUIDField(source="run.uuid")
    workflow = serializers.CharField(source="run.workflow")
    page = serializers.CharField(help_text="Path of the page that shows what came of it; empty where there is none")
    status = serializers.ChoiceField(source="run.state", choices=RunState.choices)
    degraded = serializers.BooleanField(source="run.degraded")
    doubts = serializers.ListField(source="run.doubts", child=serializers.CharField())
    progress = serializers.FloatField(help_text="0 to 1")
    priority = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="run.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="run.finished_at", allow_null=True)
    duration_s = serializers.FloatField(allow_null=True)
    result = serializers.JSONField(source="run.result", allow_null=True)
    error = serializers.CharField(source="run.error")
    request_id = serializers.CharField(source="run.request_id")
    steps = StepSerializer(many=True)

    def get_priority(self, shown: RunShown) -> str:
        return Priority(shown.run.priority).name.lower()


class RunListSerializer(serializers.Serializer[Any]):
    results = RunSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class StartedSerializer(serializers.Serializer[Any]):
    """What starting a run answers."""

    workflow_id = serializers.UUIDField(source="uuid")
    status = serializers.ChoiceField(source="state", choices=RunState.choices)


class StatisticsSerializer(serializers.Serializer[Any]):
    by_state = serializers.DictField(child=serializers.IntegerField())
    workflows = serializers.ListField(child=serializers.DictField())
