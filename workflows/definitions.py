"""How a workflow is written down: a class with steps, whose parameters name the steps that they need.

    class MealAnalysis(Workflow):
        name, version, priority = "meal_analysis", 1, Priority.HIGH

        @step(timeout=10)
        def image(self, ctx, photo_id): ...

        @step(timeout=60, retry=Retry(3, on=(OSError,)))
        def inference(self, ctx, image): ...

A parameter is the output of the step of that name above, else an input of the run. One with the default None may be
missing: its step failed or was skipped. What is wrong with a definition is found when it is imported.
"""

import datetime as dt
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from django.utils.functional import Promise

from workflows.states import Priority

if TYPE_CHECKING:
    from workflows.models import Run

StepFunction = Callable[..., Any]
F = TypeVar("F", bound=StepFunction)
# Mistakes in the code: trying again does not mend them.
PROGRAMMING_ERRORS = (
    TypeError, AttributeError, NameError, LookupError, AssertionError, ImportError, NotImplementedError,
    ArithmeticError,
)  # fmt: skip
MOST_ITEMS = 10_000


class DefinitionError(Exception):
    """A workflow that cannot be meant so. Raised when it is imported."""


@dataclass(frozen=True)
class Retry:
    """How often a step is tried, and when again: after uniform(0, min(cap, base·2ⁿ⁻¹)) seconds.

    `on`: the exceptions that are worth another try; of all others, those that are no programming errors. Source of
    the jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 1
    base: float = 1.0
    cap: float = 60.0
    on: tuple[type[Exception], ...] = ()

    def worth(self, error: BaseException) -> bool:
        if self.on:
            return isinstance(error, self.on)
        return isinstance(error, Exception) and not isinstance(error, PROGRAMMING_ERRORS)


@dataclass(frozen=True)
class StepPlan:
    """A step as the engine sees it, frozen in every run. All JSON."""

    name: str
    needs: tuple[str, ...]  # the steps that its parameters name
    may_miss: tuple[str, ...] = ()  # of those, the ones it can do without
    required: bool = True
    tx: bool = False
    timeout_s: int = 30
    attempts: int = 1
    base_s: float = 1.0
    cap_s: float = 60.0
    over: str = ""  # the step whose list it is done for, item by item; empty: once
    max_parallel: int | None = None
    min_success: float = 1.0  # share of the items that must succeed

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "StepPlan":
        """From `kept()`, through JSON."""
        return cls(**{**kept, "needs": tuple(kept["needs"]), "may_miss": tuple(kept["may_miss"])})


@dataclass(frozen=True)
class _Marked:
    options: Mapping[str, Any]
    retry: Retry


@overload
def step(function: F, /) -> F: ...
@overload
def step(
    *,
    timeout: int = 30,
    retry: Retry = Retry(),
    optional: bool = False,
    tx: bool = False,
    map: str = "",
    max_parallel: int | None = None,
    min_success: float = 1.0,
) -> Callable[[F], F]: ...
def step(function: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Mark a method as a step.

    `timeout` in whole seconds. `optional`: the run goes on without it, and is degraded. `tx`: it runs inside the
    transaction that records it, so its effects on our database happen exactly once; under a second, no network. `map`:
    do it for each item of the list that this earlier step returned, at most `max_parallel` at once; at least the share
    `min_success` of them must succeed.
    """

    def mark(marked: F) -> F:
        retry = options.pop("retry", Retry())
        marked.marked_step = _Marked(options, retry)  # type: ignore[attr-defined]
        return marked

    return mark(function) if function is not None else mark


@dataclass(frozen=True)
class Definition:
    """What a workflow's class says, read once."""

    plan: tuple[StepPlan, ...]
    functions: Mapping[str, StepFunction]
    parameters: Mapping[str, tuple[str, ...]]  # of each step, without `self` and `ctx`
    retries: Mapping[str, Retry]  # as the code has them now
    inputs: frozenset[str]
    optional_inputs: frozenset[str]


class Workflow:
    """A kind of run. Subclasses are found by `registry`; they are never given state of their own."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    priority: ClassVar[Priority] = Priority.NORMAL
    deadline: ClassVar[dt.timedelta | None] = None
    # How often it starts by itself, in whole minutes; None: only when somebody asks. Such a workflow has no inputs.
    every: ClassVar[dt.timedelta | None] = None
    label: ClassVar[str | Promise] = ""  # as people are told
    # Whether what goes in and comes out is somebody's own, as what they eat: operators see how it went, and not that.
    private: ClassVar[bool] = False
    steps_told: ClassVar[Mapping[str, str | Promise]] = {}  # by step, as people are told; without one: its name

    definition: ClassVar["Definition"]

    @classmethod
    def page_of(cls, run: "Run") -> str:
        """Where people find what this run is about; empty where nowhere."""
        return ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.definition = _read(cls)


def _read(cls: type[Workflow]) -> Definition:
    """What the methods of a class say. Raises DefinitionError."""
    marked = {name: each for name, each in vars(cls).items() if hasattr(each, "marked_step")}
    if not marked:
        raise DefinitionError(f"{cls.__name__} has no steps")
    if taken := marked.keys() & {*Workflow.__annotations__, Workflow.page_of.__name__}:
        raise DefinitionError(f"{cls.__name__}: no step can be called {', '.join(sorted(taken))}")
    plans: dict[str, StepPlan] = {}
    inputs: set[str] = set()
    optional_inputs: set[str] = set()
    for name, function in marked.items():
        parameters = _parameters(function)
        has_default = {name for name, parameter in parameters.items() if parameter.default is None}
        if any(each.default not in (None, inspect.Parameter.empty) for each in parameters.values()):
            raise DefinitionError(f"{cls.__name__}.{name}: a default can only be None, which means missing")
        options = dict(function.marked_step.options)
        over = options.pop("map", "")
        names = [each for each in parameters if not (over and each == "item")]
        later = [each for each in names if each in marked and each not in plans]
        if later or (over and over not in plans):
            raise DefinitionError(f"{cls.__name__}.{name} needs {', '.join(later) or over}, which is not above it")
        needs = [each for each in names if each in plans]
        for each in names:
            if each not in plans:
                (optional_inputs if each in has_default else inputs).add(each)
        optional_needs = [each for each in needs if not plans[each].required]
        required = not options.pop("optional", False)
        if required and set(optional_needs) - has_default:
            missing = ", ".join(sorted(set(optional_needs) - has_default))
            raise DefinitionError(f"{cls.__name__}.{name} needs {missing}, which may fail: give it the default None")
        plans[name] = _plan(cls, name, needs, has_default, required, over, options, function.marked_step.retry)
    return Definition(
        plan=tuple(plans.values()),
        functions=marked,
        parameters={name: tuple(_parameters(function)) for name, function in marked.items()},
        retries={name: function.marked_step.retry for name, function in marked.items()},
        inputs=frozenset(inputs),
        optional_inputs=frozenset(optional_inputs - inputs),
    )


def _parameters(function: StepFunction) -> dict[str, inspect.Parameter]:
    """Without `self` and `ctx`."""
    return dict(list(inspect.signature(function).parameters.items())[2:])


def _plan(
    cls: type[Workflow],
    name: str,
    needs: Sequence[str],
    has_default: set[str],
    required: bool,
    over: str,
    options: Mapping[str, Any],
    retry: Retry,
) -> StepPlan:
    timeout = options.get("timeout", 30)
    if not isinstance(timeout, int) or timeout < 1:
        raise DefinitionError(f"{cls.__name__}.{name}: a timeout is a whole number of seconds, 1 or more")
    if not 0 <= options.get("min_success", 1.0) <= 1 or (options.get("max_parallel") or 1) < 1 or retry.attempts < 1:
        raise DefinitionError(f"{cls.__name__}.{name}: a share is 0 to 1, a limit or a number of attempts 1 or more")
    if options.get("tx") and over:
        raise DefinitionError(f"{cls.__name__}.{name}: a step over many items cannot be one transaction")
    return StepPlan(
        name=name,
        needs=tuple(dict.fromkeys([*needs, *([over] if over else [])])),
        may_miss=tuple(each for each in needs if each in has_default),
        required=required,
        tx=options.get("tx", False),
        timeout_s=timeout,
        attempts=retry.attempts,
        base_s=retry.base,
        cap_s=retry.cap,
        over=over,
        max_parallel=options.get("max_parallel"),
        min_success=options.get("min_success", 1.0),
    )
