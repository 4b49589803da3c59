"""Addresses that are taken: the gateway says which, and which flag gives another."""

import asyncio
import re
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from speech_gateway.metrics import Metrics
from speech_gateway.service import server
from speech_gateway.settings import CannotListen


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


async def bind(address: str) -> int:
    """The port of a gateway that is bound to `address`, carries no calls, and is closed again."""
    service: Any = SimpleNamespace(stream_audio=None)
    made, port, _ = server(service, address, 1)
    await made.stop(None)
    return port


def test_a_taken_address_of_grpc_is_said_and_nothing_else(
    taken: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(bind("127.0.0.1:0")) > 0
    said = f"cannot listen on {re.escape(taken)} for gRPC: it is taken, .* --listen HOST:PORT"
    with pytest.raises(CannotListen, match=said):
        asyncio.run(bind(taken))
    # gRPC's own lines bypass Python.
    assert capfd.readouterr().err == ""


def test_a_taken_address_of_the_metrics_is_said(taken: str) -> None:
    said = f"cannot listen on {re.escape(taken)} for metrics: .* --metrics-addr HOST:PORT"
    with pytest.raises(CannotListen, match=said):
        Metrics().serve(taken)
