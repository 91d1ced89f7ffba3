"""A store's place, on a disk and in memory."""

import pytest
from upath import UPath

from jaxadv.grid import places


@pytest.fixture(params=["folder", "memory"])
def path(request, tmp_path):
    if request.param == "folder":
        yield tmp_path / "run"
        return
    address = places.place(f"memory://{tmp_path.name}/run")
    yield address
    UPath("memory://").fs.store.clear()
