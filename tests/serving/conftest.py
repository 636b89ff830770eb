from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gnomon.models.policy import Policy


@pytest.fixture(scope="session")
def served(tiny_policy: Policy) -> Iterator[str]:
    """Address of a server of the tiny model that answers over HTTP."""
    import uvicorn

    from gnomon.serving.engine import Engine
    from gnomon.serving.server import HOST, make_app, server_config

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    app = make_app(Engine(tiny_policy, "tiny"), max_body=200_000)
    server = uvicorn.Server(server_config(uvicorn, app, port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://{HOST}:{port}"
    server.should_exit = True
    thread.join(10)
