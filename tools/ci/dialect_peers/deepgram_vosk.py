#!/usr/bin/env python3
"""Servers of Deepgram's and of Vosk's live transcription, and voicelt that calls them.

    tools/ci/dialect_peers/deepgram_vosk.py VOICELT

Deepgram's replies are built with the types of PyPI's `deepgram-sdk`, Vosk's as `asr_server.py` of its server writes
them. Neither transcribes: what counts is that the messages are read as they are meant, both ways. Needs what
`requirements-websocket.txt` says.
"""

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import deepgram.listen.v1.types as dg
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from caller import DIALECTS, SESSIONS, Caller, Ear, demand, transcripts

KEY = secrets.token_hex(20)
# What a session did wrong, and how many were ended by their callers.
faults: list[str] = []
ended: list[str] = []

QUERY = {
    "model": "nova-3",
    "language": "en-US",
    "encoding": "linear16",
    "sample_rate": "16000",
    "channels": "1",
    "interim_results": "true",
    "endpointing": "300",
    "utterance_end_ms": "1000",
}


def results(words: str, *, is_final: bool, speech_final: bool, ear: Ear) -> dg.ListenV1Results:
    said = dg.ListenV1ResultsChannelAlternativesItemWordsItem(
        word="some", start=0.1, end=0.4, confidence=0.9, punctuated_word="Some"
    )
    alternative = dg.ListenV1ResultsChannelAlternativesItem(
        transcript=words, confidence=0.9, words=[said] if words else []
    )
    model = dg.ListenV1ResultsMetadataModelInfo(name="general-nova-3", version="2025-04-17.21547", arch="nova-3")
    return dg.ListenV1Results(
        channel_index=[0, 1],
        duration=1.0,
        start=ear.samples / ear.rate_hz,
        is_final=is_final,
        speech_final=speech_final,
        channel=dg.ListenV1ResultsChannel(alternatives=[alternative]),
        metadata=dg.ListenV1ResultsMetadata(request_id=secrets.token_hex(16), model_info=model, model_uuid="1"),
        from_finalize=False,
    )


async def deepgram(socket: ServerConnection) -> None:
    """A segment ends before its utterance does, and what is silent has empty transcripts."""

    async def send(*messages: object) -> None:
        for message in messages:
            await socket.send(message.json())

    address = urlsplit(socket.request.path)
    if address.path != "/v1/listen" or dict(parse_qsl(address.query)) != QUERY:
        faults.append(f"deepgram was called as {socket.request.path}")
    if not hmac.compare_digest(socket.request.headers.get("authorization", ""), f"Token {KEY}"):
        faults.append("deepgram was called without its key")
    ear = Ear(16_000)
    async for message in socket:
        if isinstance(message, str):
            kind = json.loads(message)["type"]
            if kind == "CloseStream":
                break
            if kind != "KeepAlive":
                faults.append(f"deepgram was sent {message[:100]}")
            continue
        event = ear.hear(message)
        if event == "began":
            await send(
                dg.ListenV1SpeechStarted(channel=[0, 1], timestamp=ear.samples / ear.rate_hz),
                results("some", is_final=False, speech_final=False, ear=ear),
            )
        elif event == "ended":
            await send(
                results("some", is_final=True, speech_final=False, ear=ear),
                results(f"{ear.speech_samples}", is_final=True, speech_final=True, ear=ear),
                results("", is_final=False, speech_final=False, ear=ear),
                results("", is_final=True, speech_final=True, ear=ear),
                dg.ListenV1UtteranceEnd(channel=[0, 1], last_word_end=0.4),
            )
    else:
        faults.append("deepgram was not sent CloseStream")
    ended.append("deepgram")
    about = dg.ListenV1Metadata(
        transaction_key="deprecated",
        request_id=secrets.token_hex(16),
        sha256=secrets.token_hex(32),
        created=datetime.now(UTC).isoformat(),
        duration=ear.samples / ear.rate_hz,
        channels=1,
    )
    # Nobody waits for it once every turn was answered.
    with contextlib.suppress(ConnectionClosedOK):
        await send(about)


async def vosk(socket: ServerConnection) -> None:
    """An answer to each message, mostly with nothing new."""

    async def send(**message: object) -> None:
        # As Kaldi writes its results, on lines of their own.
        await socket.send(json.dumps(message, indent=2))

    def heard() -> dict[str, object]:
        words = f"some {ear.speech_samples}"
        said = {"conf": 1.0, "start": 0.1, "end": 0.4, "word": "some"}
        return {"result": [said], "text": words}

    config = json.loads(await socket.recv())
    if config != {"config": {"sample_rate": 8000}}:
        faults.append(f"vosk was configured with {config}")
    ear = Ear(8_000)
    async for message in socket:
        if isinstance(message, str):
            if message != '{"eof" : 1}':
                faults.append(f"vosk was sent {message[:100]}")
            break
        if ear.hear(message) == "ended":
            await send(**heard())
        else:
            await send(partial="some" if ear.is_speech else "")
    else:
        faults.append("vosk was not sent its end")
    ended.append("vosk")
    # Nobody waits for it once every turn was answered.
    with contextlib.suppress(ConnectionClosedOK):
        await send(**(heard() if ear.end() else {"text": ""}))


async def check(name: str, handler: Callable[[ServerConnection], Awaitable[None]], caller: Caller, **more: str) -> None:
    async def handle(socket: ServerConnection) -> None:
        try:
            await handler(socket)
        except ConnectionClosed as error:
            faults.append(f"{name}: {error}")

    ended.clear()
    async with serve(handle, "127.0.0.1", 0) as server:
        [listener] = server.sockets
        target = "ws://{}:{}".format(*listener.getsockname())
        environment = {**os.environ, **more}
        rows = await asyncio.to_thread(caller.replay, DIALECTS / f"{name}.toml", target, environment=environment)
    demand(not faults, f"{name}: {faults}")
    demand(len(ended) == SESSIONS, f"{name}: {len(ended)} of {SESSIONS} sessions were ended by their callers")
    print(f"{name}: {transcripts(name, rows)}", flush=True)


async def main() -> None:
    caller = Caller(Path(sys.argv[1]))
    await check("deepgram", deepgram, caller, DEEPGRAM_API_KEY=KEY)
    await check("vosk", vosk, caller)


if __name__ == "__main__":
    asyncio.run(main())
