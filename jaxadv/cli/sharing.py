"""Sharing a command's work: with the processes of a job, as a shard, or on the workers of Dask."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax

from jaxadv.cli.commands import Sharing
from jaxadv.problems.names import first_line

TIMEOUT = 10  # in seconds, for a scheduler to answer


@contextlib.contextmanager
def shared(sharing: Sharing) -> Iterator[dict[str, Any]]:
    """The arguments of a run that shares its work, while it runs.

    Raises:
        ValueError: if there is no such job or scheduler.
    """
    if sharing.distributed:
        _join_job()
    with contextlib.ExitStack() as held:
        executor = None
        if sharing.dask is not None:
            executor = held.enter_context(_client_of(sharing.dask)).get_executor()
        yield {"shard": sharing.shard, "executor": executor}


def reports() -> bool:
    """Whether this process, of those that share the work, reports on it."""
    return jax.process_index() == 0


def _join_job() -> None:
    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"distributed: JAX finds no job with several processes here ({error}); --shard I/N "
            "needs none"
        ) from error


def _client_of(address: str) -> Any:
    """A client of a running scheduler."""
    try:
        from distributed import Client  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ValueError(
            "dask: needs the package distributed, which comes with: pip install 'jaxadv[cluster]'"
        ) from error
    try:
        return Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise ValueError(f"dask: no scheduler at {address!r}: {first_line(error)}") from error
