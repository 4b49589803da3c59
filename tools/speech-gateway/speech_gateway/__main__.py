"""Starts the gateway, says where it listens, and ends it on SIGTERM or Ctrl-C."""

import asyncio
import os
import signal

from . import settings as command_line
from .metrics import Metrics
from .recognisers import Recognisers
from .service import Service, announce, server
from .settings import CannotListen, Settings
from .voices import VoiceError, voice

# Calls under way may end within so long.
GRACE_S = 5.0


async def serve(settings: Settings) -> None:
    """Serves until a signal comes."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    metrics = Metrics()
    at_once = max(1, min(settings.max_streams, os.cpu_count() or 1))
    speaker = voice(settings.tts, at_once)
    recognisers = Recognisers(settings.max_streams, settings.silence_ms)
    try:
        service = Service(settings, recognisers, speaker, metrics)
        gateway, port, healthy = server(service, settings.listen, settings.max_streams)
        exporter = metrics.serve(settings.metrics_addr)
        await recognisers.ready()
        await gateway.start()
        await announce(healthy, serving=True)
        host, metrics_host = (
            address.rpartition(":")[0] for address in (settings.listen, settings.metrics_addr)
        )
        print(f"metrics on http://{metrics_host}:{exporter.server_port}/metrics", flush=True)
        print(f"listening on {host}:{port}", flush=True)
        await stopped.wait()
        await announce(healthy, serving=False)
        await gateway.stop(GRACE_S)
        exporter.shutdown()
    finally:
        recognisers.close()


def main() -> None:
    """Reads the command line and serves."""
    settings = command_line.read()
    try:
        asyncio.run(serve(settings))
    except (OSError, CannotListen, VoiceError) as error:
        raise SystemExit(f"speech-gateway: {error}") from None


if __name__ == "__main__":
    main()
