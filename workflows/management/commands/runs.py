from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from workflows import engine, reading
from workflows.models import Run
from workflows.serializers import RunSerializer
from workflows.states import RunState

BY = "command"


class Command(BaseCommand):
    help = "Show runs, newest first; show, cancel or retry one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", nargs="?", choices=["list", "show", "cancel", "retry"], default="list")
        parser.add_argument("run", nargs="?", help="the run's id, or enough of its beginning")
        parser.add_argument("--status", choices=RunState.values)
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--json", action="store_true", help="as the API shows it")

    def handle(self, *, action: str, run: str | None, status: str | None, limit: int, json: bool, **o: Any) -> str:
        if action == "list":
            runs = Run.objects.filter(state=status) if status else Run.objects.all()
            found = list(runs[: max(1, limit)])
        else:
            found = [self._one(run)]
            try:
                if action == "cancel":
                    found = [engine.cancel(found[0], by=BY, now=timezone.now())]
                elif action == "retry":
                    found = [engine.retry(found[0], by=BY, now=timezone.now())]
            except engine.WorkflowError as error:
                raise CommandError(error.sentence) from error
        shown = reading.shown(found, now=timezone.now())
        if json:
            bodies = [RunSerializer(each).data for each in shown]
            rendered: bytes = JSONRenderer().render(bodies if action == "list" else bodies[0])
            return rendered.decode()
        if action == "list":
            return "\n".join(map(_line, shown)) or "No runs."
        return "\n".join([_line(shown[0]), *(_step(each) for each in shown[0].steps)])

    def _one(self, text: str | None) -> Run:
        if not text:
            raise CommandError("Say which run: its id, or enough of its beginning.")
        found = list(Run.objects.beginning_with(text)[:2])
        if len(found) != 1:
            raise CommandError(f"{'No run begins' if not found else 'Several runs begin'} with {text}.")
        return found[0]


def _line(each: reading.RunShown) -> str:
    run = each.run
    words = run.state + (" (degraded)" if run.degraded else "")
    about = run.error or "; ".join(run.doubts)
    return f"{run.uuid}  {run.created_at:%Y-%m-%d %H:%M:%S}  {run.workflow:<24}  {words:<21}  {about}".rstrip()


def _step(each: reading.StepShown) -> str:
    tries = f"{len(each.attempts)} of {each.plan.attempts} tries"
    return f"  {each.label:<24}  {each.state.value:<10}  {tries:<14}  {each.reason}".rstrip()
