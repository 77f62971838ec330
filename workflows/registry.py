"""The workflows that there are: those in the `runs.py` of every app, found the way admin.py is."""

from django.utils.module_loading import autodiscover_modules

from workflows.definitions import DefinitionError, Workflow

_WORKFLOWS: dict[str, type[Workflow]] = {}


class UnknownWorkflow(LookupError):
    """No workflow of that name and version is known to this program."""


def register(workflow: type[Workflow]) -> type[Workflow]:
    """Class decorator. Raises DefinitionError where the name is taken by another."""
    other = _WORKFLOWS.get(workflow.name)
    if other is not None and other.__qualname__ != workflow.__qualname__:
        raise DefinitionError(f"two workflows are called {workflow.name}")
    _WORKFLOWS[workflow.name] = workflow
    return workflow


def discover() -> None:
    autodiscover_modules("runs")


def all_workflows() -> list[type[Workflow]]:
    return sorted(_WORKFLOWS.values(), key=lambda workflow: workflow.name)


def workflow_called(name: str, version: int | None = None) -> type[Workflow]:
    """Raises UnknownWorkflow."""
    found = _WORKFLOWS.get(name)
    if found is None or version not in {None, found.version}:
        raise UnknownWorkflow(f"There is no workflow {name}{'' if version is None else f' of version {version}'}.")
    return found
