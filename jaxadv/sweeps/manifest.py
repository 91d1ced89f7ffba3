"""What a store says of the runs that filled it: enough to run them again."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from jaxadv.devices import Device
from jaxadv.grid.process import describe_process, now
from jaxadv.grid.store import Store
from jaxadv.grid.workers import LOOK_EVERY, Worker
from jaxadv.sweeps.plan import Plan
from jaxadv.sweeps.progress import Counts
from jaxadv.sweeps.spec import Cell, Sweep

TOTALS = ("seconds", "trials_run", "steps_run", "lane_steps_run")
"""What is summed over all runs."""


def describe_run(
    sweep: Sweep,
    worker: Worker,
    devices: Sequence[Device],
    options: Mapping[str, Any],
    plans: Mapping[tuple[Cell, ...], Plan],
) -> dict[str, Any]:
    """What one worker's run is: specification, versions, machine, settings, layout."""
    return {
        "sweep": sweep.text,
        "worker": worker.index,
        "workers": worker.count,
        **describe_process(devices),
        "options": dict(options),
        "layout": [
            {
                "dim": cells[0].group.dim,
                "width": cells[0].group.width,
                "activation": sweep.label("activations", cells[0].group.activation),
                "loss": sweep.label("losses", cells[0].group.loss),
                "cells": len(cells),
                "lanes": plan.num_lanes,
                "check_every": plan.check_every,
                "networks_at_once": plan.networks_at_once,
                "networks_per_call": plan.networks_per_call,
            }
            for cells, plan in plans.items()
        ],
    }


class RunNote:
    """The note that one worker's run keeps in the store: what it is, and how far it has come."""

    def __init__(self, store: Store, worker: Worker, description: Mapping[str, Any]) -> None:
        self._store, self._worker = store, worker
        self._description = dict(description)
        self._clock = self._looked = time.perf_counter()
        self._others = Counts()
        self.counts = Counts()
        self._write({})

    def add(self, counts: Counts) -> None:
        """Count trials whose records are complete."""
        self.counts += counts
        self._write({})

    def end(self) -> None:
        """Say that this worker has done its share."""
        self._write({"ended": now()})

    def of_others(self) -> Counts:
        """What the others of the launch have done, as of a moment ago; the first one asks."""
        is_time = time.perf_counter() - self._looked > LOOK_EVERY
        if self._worker.together and self._worker.index == 0 and is_time:
            self._others = sum(map(_counts, self._notes_of_others()), Counts())
            self._looked = time.perf_counter()
        return self._others

    def all_ended(self) -> bool:
        """Whether all workers of the launch have done their share."""
        return all("ended" in note for note in self._notes_of_others())

    def _notes_of_others(self) -> list[dict[str, Any]]:
        others = (index for index in range(self._worker.count) if index != self._worker.index)
        return [self._store.note_of(self._worker.name(index)) for index in others]

    def _write(self, more: Mapping[str, Any]) -> None:
        seconds = round(time.perf_counter() - self._clock, 3)
        values = (seconds, self.counts.trials, self.counts.steps, self.counts.lane_steps)
        totals = dict(zip(TOTALS, values, strict=True))
        self._store.note(self._worker.name(), {**self._description, **totals, **more})


def _counts(note: Mapping[str, Any]) -> Counts:
    return Counts(*(note.get(name, 0) for name in TOTALS[1:]))


def manifest_of(store: Store, sweep: Sweep | None = None) -> dict[str, Any]:
    """All that a store says of itself: a sweep, the totals of all runs, and the runs.

    Args:
        store: the store.
        sweep: whose specification to give; by default that of the last run.
    """
    # A kill can leave a note without words.
    runs = [note for note in store.notes().values() if "started" in note]
    totals = {name: sum(run.get(name, 0) for run in runs) for name in TOTALS}
    last = runs[-1] if runs else {}
    known = store.attributes
    return {
        **{name: known[name] for name in ("title", "format", "identity")},
        "sweep": last.get("sweep", "") if sweep is None else sweep.text,
        "started": min((run["started"] for run in runs), default=""),
        "ended": max((run.get("ended", "") for run in runs), default=""),
        **totals,
        "occupancy": totals["steps_run"] / max(totals["lane_steps_run"], 1),
        "runs": runs,
    }
