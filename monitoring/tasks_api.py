"""The queue and what is in it: how busy it is, one task, stopping it, and the sweep of old data. For staff.

A task is a step of a run, by the step's own id.
"""

import uuid
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dietintel.http import AuthenticatedApiRequest
from workflows import engine, reading
from workflows.models import Step
from workflows.reading import Queue, StepShown
from workflows.runs import Cleanup
from workflows.serializers import StartedSerializer, StepSerializer
from workflows.states import ENDED_STEP, Priority, RunState

BY_HAND = "by hand"  # the key of a cleanup that somebody asked for: two at once would do the same


class LaneSerializer(serializers.Serializer[Any]):
    due = serializers.IntegerField(help_text="Tasks that could begin now")
    later = serializers.IntegerField(help_text="Tasks that wait for their time, such as the next try")
    running = serializers.IntegerField()
    oldest_due_s = serializers.FloatField(allow_null=True, help_text="Since when the oldest waits; null: none does")


class QueueSerializer(serializers.Serializer[Any]):
    workers = serializers.IntegerField(help_text="Of all hosts that were heard of lately")
    running = serializers.IntegerField()
    last_beat_at = serializers.DateTimeField(allow_null=True, help_text="null: no worker was ever there")
    priorities = serializers.DictField(child=LaneSerializer(), help_text="critical, high, normal and low")


class TaskSerializer(StepSerializer):
    """A step, and the run that it belongs to."""

    workflow_id = serializers.UUIDField(source="step.run.uuid")
    workflow = serializers.CharField(source="step.run.workflow")
    run_status = serializers.ChoiceField(source="step.run.state", choices=RunState.choices)
    priority = serializers.SerializerMethodField()

    def get_priority(self, shown: StepShown) -> str:
        return Priority(shown.step.run.priority).name.lower()


class TasksStatus(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(responses=QueueSerializer, operation_id="monitoring_tasks_status")
    def get(self, request: Request) -> Response:
        """How busy the queue is, by priority, and whether workers are there."""
        now = timezone.now()
        queue = Queue.seen(now=now)
        body = {
            "workers": queue.workers,
            "running": queue.running,
            "last_beat_at": queue.last_beat,
            "priorities": reading.lanes(now=now),
        }
        return Response(QueueSerializer(body).data)


class Task(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(responses=TaskSerializer, operation_id="monitoring_task")
    def get(self, request: Request, task_id: uuid.UUID) -> Response:
        """One task of anybody's run: how it is, why it waits, and every try at it."""
        return Response(_body(_task(task_id)))

    @extend_schema(
        responses={200: TaskSerializer, 409: OpenApiResponse(description="WORKFLOW_ENDED: it has ended already")},
        operation_id="monitoring_task_cancel",
    )
    def delete(self, request: AuthenticatedApiRequest, task_id: uuid.UUID) -> Response:
        """Cancel the run that a task belongs to: no run can go on as if one of its steps had never been asked for.

        A task that has ended is a conflict, also where its run still goes on, and so is a second cancel.
        """
        step = _task(task_id)
        if step.state in ENDED_STEP:
            raise engine.AlreadyEnded(f"This task has ended already: {step.get_state_display()}.")
        engine.cancel(step.run, by=request.user.get_username(), now=timezone.now())
        return Response(_body(_task(task_id)))


class MaintenanceCleanup(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(request=None, responses={202: StartedSerializer}, operation_id="monitoring_maintenance_cleanup")
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Delete old data now, in the background. While one that was asked for goes on, that one is the answer."""
        run = engine.start(Cleanup, user=request.user, key=BY_HAND, now=timezone.now())
        return Response(StartedSerializer(run).data, status=status.HTTP_202_ACCEPTED)


def _task(task_id: uuid.UUID) -> Step:
    """Raises Http404."""
    step = Step.objects.select_related("run").filter(uuid=task_id).first()
    if step is None:
        raise Http404
    return step


def _body(step: Step) -> dict[str, Any]:
    (shown,) = reading.steps_shown([step], now=timezone.now())
    return dict(TaskSerializer(shown).data)
