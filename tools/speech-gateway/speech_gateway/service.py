"""The gRPC server: a session for each stream, as many as there are recognisers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from . import protocol
from .metrics import Metrics
from .protocol import Event
from .recognisers import Recognisers
from .session import Session
from .settings import CannotListen, Settings
from .voices import Voice

# Streams that may wait to be told that there is no room.
_REFUSABLE = 64


class Service:
    """Carries calls."""

    def __init__(
        self, settings: Settings, recognisers: Recognisers, voice: Voice, metrics: Metrics
    ) -> None:
        self._settings, self._recognisers = settings, recognisers
        self._voice, self._metrics = voice, metrics
        self._giving_back: set[asyncio.Task[None]] = set()

    async def stream_audio(self, messages: AsyncIterator[Any], context: Any) -> None:
        """One call."""
        recogniser = self._recognisers.take()
        if recogniser is None:
            self._metrics.requests.labels("error").inc()
            most = self._settings.max_streams
            why = f"every recogniser is busy; start the gateway with more than --max-streams {most}"
            await context.write(protocol.event(Event.ERROR, why))
            return
        # Words and speech are sent by two tasks; gRPC takes a message at a time.
        turn = asyncio.Lock()

        async def send(message: Any) -> None:
            async with turn:
                await context.write(message)

        self._metrics.active_streams.inc()
        try:
            session = Session(self._settings, recogniser, self._voice, self._metrics, send)
            await session.run(messages)
        finally:
            self._metrics.active_streams.dec()
            # A call that was cancelled cannot wait for that itself.
            task = asyncio.create_task(self._recognisers.give_back(recogniser))
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)


def server(service: Service, listen: str, max_streams: int) -> tuple[grpc.aio.Server, int, Any]:
    """A server that is bound but not started, its port, and its health service.

    Raises CannotListen.
    """
    made = grpc.aio.server(
        maximum_concurrent_rpcs=max_streams + _REFUSABLE,
        options=[("grpc.so_reuseport", 0)],
    )
    handler = grpc.stream_stream_rpc_method_handler(
        service.stream_audio,
        request_deserializer=protocol.ClientMessage.FromString,
        response_serializer=protocol.ServerMessage.SerializeToString,
    )
    methods = {protocol.METHOD: handler}
    made.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(protocol.SERVICE, methods),)
    )
    healthy = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, made)
    try:
        port = made.add_insecure_port(listen)
    except RuntimeError:
        port = 0
    if port == 0:
        why = "it is taken, or is no address of this machine"
        raise CannotListen("gRPC", listen, "--listen", why)
    return made, port, healthy


async def announce(healthy: Any, serving: bool) -> None:
    """Tells whoever asks for the gateway's health."""
    status = health_pb2.HealthCheckResponse
    told = status.SERVING if serving else status.NOT_SERVING
    for name in ("", protocol.SERVICE):
        await healthy.set(name, told)
