"""A store's place, on a disk, in memory and on an object store."""

import itertools
import logging

import pytest
from upath import UPath

from jaxadv.grid import places


@pytest.fixture(scope="session")
def object_store():
    """An S3 server on the loopback address, in this process; its address is in the environment."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  takes a second

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        yield (f"s3://bucket-{number}" for number in itertools.count())
    server.stop()


@pytest.fixture
def bucket(object_store):
    """The address of a new bucket."""
    address = next(object_store)
    UPath(address, use_listings_cache=False).mkdir()
    return address


@pytest.fixture(params=["folder", "memory", "object store"])
def path(request, tmp_path):
    if request.param == "folder":
        yield tmp_path / "run"
    elif request.param == "memory":
        yield places.place(f"memory://{tmp_path.name}/run")
        UPath("memory://").fs.store.clear()
    else:
        yield places.place(f"{request.getfixturevalue('bucket')}/run")
