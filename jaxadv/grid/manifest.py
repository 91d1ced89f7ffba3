"""The manifest of a store: which runs filled it, with all that is needed to repeat them."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxadv.grid.identity import experiment_of
from jaxadv.grid.places import Place, replace_file, writing
from jaxadv.grid.process import now
from jaxadv.grid.store import Store
from jaxadv.grid.workers import LOOK_EVERY, Worker

FILE = "manifest.json"
SUFFIX = "s_run"  # ends the names of counts, which the manifest sums over all runs


class RunNote:
    """The note of one worker's run in the store: its description, and how far it has come."""

    def __init__(self, store: Store, worker: Worker, description: Mapping[str, Any]) -> None:
        self._store, self._worker = store, worker
        self._description: dict[str, Any] = {
            "worker": worker.index,
            "workers": worker.count,
            **description,
        }
        self._clock = self._looked = time.perf_counter()
        self._counts_of_others: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self._write({})

    def describe(self, name: str, values: Sequence[Any]) -> None:
        """Add some values to a list in the description."""
        self._description[name] = [*self._description.get(name, ()), *values]
        self._write({})

    def add(self, counts: Counter[str]) -> None:
        """Count work whose records are complete."""
        self.counts += counts
        self._write({})

    def end(self) -> None:
        """Say that this worker has done its share."""
        self._write({"ended": now()})

    def of_others(self) -> Counter[str]:
        """What the other workers of a launch had done a moment ago; only the first worker looks."""
        is_time = time.perf_counter() - self._looked > LOOK_EVERY
        if self._worker.together and self._worker.index == 0 and is_time:
            self._counts_of_others = sum(map(_counts, self._notes_of_others()), Counter())
            self._looked = time.perf_counter()
        return self._counts_of_others

    def all_ended(self) -> bool:
        """Whether all workers of the launch have done their share."""
        return all("ended" in note for note in self._notes_of_others())

    def _notes_of_others(self) -> list[dict[str, Any]]:
        workers = range(self._worker.count)
        return [
            self._store.note_of(self._worker.name(index))
            for index in workers
            if index != self._worker.index
        ]

    def _write(self, more: Mapping[str, Any]) -> None:
        seconds = round(time.perf_counter() - self._clock, 3)
        note = {**self._description, "seconds": seconds, **self.counts, **more}
        self._store.note(self._worker.name(), note)


def _counts(note: Mapping[str, Any]) -> Counter[str]:
    return Counter({name: n for name, n in note.items() if name.endswith(SUFFIX)})


def manifest_of(store: Store, text: str | None = None) -> dict[str, Any]:
    """All that a store says of itself: a specification, the totals of all runs, and the runs.

    Args:
        store: the store.
        text: the specification to give; by default that of the last run.
    """
    # A kill can leave an empty note.
    runs = [note for note in store.notes().values() if "started" in note]
    totals = sum(map(_counts, runs), Counter())
    last = runs[-1] if runs else {}
    attributes = store.attributes
    experiment = experiment_of(attributes)
    return {
        **{name: attributes[name] for name in ("title", "format", "identity")},
        experiment: last.get(experiment, "") if text is None else text,
        "started": min((run["started"] for run in runs), default=""),
        "ended": max((run.get("ended", "") for run in runs), default=""),
        "seconds": sum(run.get("seconds", 0) for run in runs),
        **totals,
        "runs": runs,
    }


def as_attributes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as a dataset's attributes: what is nested becomes JSON.

    Example:
        >>> as_attributes({"steps_run": 3, "runs": [{"worker": 0}]})
        {'steps_run': 3, 'runs': '[{"worker": 0}]'}
    """
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in manifest.items()
    }


def write_manifest(folder: Place, manifest: Mapping[str, Any]) -> None:
    """Write a manifest beside its data, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    content = (json.dumps(manifest, indent=2) + "\n").encode()
    path = folder / FILE
    # The same manifest is not written again, because the folder may be read-only by now.
    if not (isinstance(path, Path) and path.exists() and path.read_bytes() == content):
        with writing(str(folder)):
            replace_file(path, content)
