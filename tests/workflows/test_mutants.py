"""The state machine is only worth something if it finds an engine that is wrong: here are some, one mistake each."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MACHINE = "tests/workflows/test_machine.py"
EXAMPLES = "100"  # it usually needs fewer than ten
PATIENCE_S = 1200.0  # a machine that never ends has not found it either
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "data", "__pycache__", ".*_cache", "node_modules")
# What is wrong -> file, what stands there, what stands there instead (everywhere in the file), and maybe so once more.
MUTANTS = {
    "no token in the fence": (
        "engine", "(step.token, step.state) != (claim.token, StepState.RUNNING)", "step.state != StepState.RUNNING",
    ),
    "no state in the fence": (
        "engine", "(step.token, step.state) != (claim.token, StepState.RUNNING)", "step.token != claim.token",
    ),
    "a renewal by anybody": (
        "engine", "filter(pk=claim.step_id, token=claim.token, state=StepState.RUNNING)\n    if",
        "filter(pk=claim.step_id, state=StepState.RUNNING)\n    if",
    ),
    "a claim that does not change the token": ("engine", 'token=F("token") + 1, ', ""),
    "a lease that is never over": ("engine", "step.lease_until <= now", "step.lease_until is None"),
    "a lease that protects nobody": (  # looked at twice: without the lock and with it
        "engine", "step.lease_until <= now) or not alive(step.worker)]", "step.lease_until)]",
        "if step.lease_until > now and alive(step.worker):", "if 0:",
    ),
    "tries that are not counted": ("engine", 'attempt=F("attempt") + 1, ', ""),
    "a lost attempt that counts as a try": (
        "engine", "step.losses += 1\n        step.attempt -= 1", "step.losses += 1",
    ),
    "next items that are not looked for": ("engine", "steps |= _next_items(run, plan, tallies)", "pass"),
    # Not here: one waiting item fetched in place of `max_parallel`. A report frees one place, so both do the same.
    "a place that is not seen to be taken": ("engine", "state__in=[StepState.READY, StepState.RUNNING]))", "pk=0))"),
    "a stop that forgets the items": (
        "engine", "any(tally[StepState.BLOCKED] or tally[StepState.READY] for tally in tallies.values())", "False",
    ),
    "changes that are not counted": ("rules", "self.tallies[change.name] += Counter({change.to: 1})", "pass"),
    "losses that are not counted": ("engine", "step.losses += 1", "pass"),
    "poison that is not recognised": ("engine", "step.losses > rules.MOST_LOSSES", "False"),
    "an interrupted attempt that counts as a try": (
        "engine", "step.attempt -= 1\n        if run.stopping", "if run.stopping",
    ),
    "more tries than allowed": ("engine", "step.attempt < plan.attempts and", ""),
    "an attempt that stays open": ("engine", '_close(step, Outcome.LOST, error="its worker died", now=now)', "pass"),
    "a step that becomes ready without a message": (
        "engine", "    _send(run, step, due=due)\n\n\ndef _send", "    step.save()\n\n\ndef _send",
    ),
    "a retry that repeats what is done": (
        "engine", "step.state in ENDED_STEP and step.state != StepState.DONE", "True",
    ),
    "a retry that leaves what it could make anew": ("rules", "anew.add(each.name)", "pass"),
    "a retry that repeats an effect": ("rules", "final = each.tx or ", "final = "),
    "a retry that changes what an effect was made of": ("rules", "in for_good or used", "in for_good"),
    "a retry that does not say what stays as it was": ("rules", "        if need in again\n", "        if False\n"),
    "a retry that still says what is mended": ("engine", "step.output, step.doubts = None, []", "step.output = None"),
    "a cancel that changes nothing else": (
        "engine", '"cancel asked for", now=now, by=by)\n        _advance(run, _steps_of(run), now=now)',
        '"cancel asked for", now=now, by=by)',
    ),
    "a report after which nothing follows": (
        "engine", '_note(run, "step done", step=step, now=now)\n        _advance(run, steps, now=now)', "pass",
    ),
    "a stop that is ignored": ("rules", "    if view.found.stopping:\n        _stop", "    if False:\n        _stop"),
    "a failure that stops nothing": ("rules", 'found.stopping = "failed"', "pass"),
    "a step that does not wait for its inputs": (
        "rules", "if not all(each.ended for each in needed):", "if not any(each.ended for each in needed) and needed:",
    ),
    "no limit to what runs at once": ("rules", "range(plan.max_parallel or length)", "range(length)"),
    "slots that are given twice": ("rules", "if slot not in taken]", "]"),
    "slots that are not given back": (
        "engine", "step.slot, step.lease_until, step.not_before, step.worker = None, ",
        "step.lease_until, step.not_before, step.worker = ",
    ),
    "a batch that is done with too few": ("rules", "if done >= enough:", "if done >= 0:"),
    "a batch that is never enough": ("rules", "if done >= enough:", "if done > items:"),
    "doubts that are not told": ("rules", "found.doubts.append(f\"{plan.name} failed\")", "pass"),
    "a run that ends too early": ("rules", "if not view.over:", "if False:"),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("wrong", MUTANTS)
def test_the_machine_finds_what_is_wrong(wrong, tmp_path):
    name, *changes = MUTANTS[wrong]
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    source = copy / "workflows" / f"{name}.py"
    text = source.read_text()
    for right, instead in zip(changes[::2], changes[1::2], strict=True):
        assert right in text
        text = text.replace(right, instead)
    source.write_text(text)

    machine = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--nomigrations", "-p", "no:cacheprovider", MACHINE],
        cwd=copy,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "DATABASE_URL"))},
            "DATA_DIR": str(tmp_path / "data"),
            "MACHINE_EXAMPLES": EXAMPLES,
            "MACHINE_QUICK": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert "1 failed" in machine.stdout, machine.stdout[-2000:]
    assert "SyntaxError" not in machine.stdout
    assert "NameError" not in machine.stdout
