"""What one item of a batch costs, by how many items its batch has.

    python -m benchmarks.batches                 SQLite in a temporary folder
    python -m benchmarks.batches --postgres      a private PostgreSQL

The engine alone: a run whose second step is done for so many items, four at once, worked off by this process. Counted
is this process's time on a core, which other programs change less than the clock's; with PostgreSQL the server's comes
on top. The figure to quote is the ratio to the smallest batch: 1 means that an item costs the same in any batch.
"""

import time

from benchmarks.common import Row, installation, options, report

SIZES = (50, 200, 800)


def milliseconds_an_item(items: int) -> float:
    from django.utils import timezone

    from benchmarks.workflows import Items
    from workflows import engine
    from workflows.execution import work_on
    from workflows.states import StepState

    run = engine.start(Items, input={"items": items}, now=timezone.now())
    ready = run.steps.filter(state=StepState.READY).values_list("pk", flat=True)
    work_on(ready[0])  # the list; its items are made
    spent = 0.0
    while step := ready.filter(index__gte=0).first():
        began = time.process_time()
        work_on(step)
        spent += time.process_time() - began
    work_on(ready[0])
    run.refresh_from_db()
    assert run.result == items
    return spent / items * 1e3


def main() -> None:
    chosen = options(__doc__, seconds=0, rounds=1).parse_args()
    with installation(postgres=chosen.postgres, LOG_LEVEL="WARNING"):
        milliseconds_an_item(10)  # warm
        rows: list[Row] = []
        for items in SIZES:
            cost = min(milliseconds_an_item(items) for _round in range(chosen.rounds))
            least = rows[0]["CPU ms an item"] if rows else cost
            rows.append({"items": str(items), "CPU ms an item": cost, "ratio": cost / float(least)})
    report(rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
