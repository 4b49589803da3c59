"""A server of vLLM's realtime transcription, as its documentation and the messages of its protocol describe it.

It transcribes nothing: what counts is that callers keep to the protocol. Says where it listens, and of each session
how many utterances and samples it heard, and what was wrong. Needs the PyPI package `websockets`.
"""

import asyncio
import base64
import contextlib
import json
import time
import uuid

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

# What a client may send, and which fields it may have beside its type.
FIELDS = {
    "session.update": {"model"},
    "input_audio_buffer.append": {"audio"},
    "input_audio_buffer.commit": {"final"},
}
# The first words come once so much was heard.
FIRST_WORDS_SAMPLES = 8_000


class Session:
    """What is heard on one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.model: str | None = None
        # Samples of the utterance that is under way; none where none is.
        self.heard: int | None = None
        self.utterances = self.samples = 0
        self.faults: list[str] = []

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def fail(self, error: str, code: str) -> None:
        self.faults.append(error)
        await self.send("error", error=error, code=code)

    async def serve(self) -> None:
        await self.send("session.created", id=f"sess-{uuid.uuid4().hex}", created=int(time.time()))
        async for message in self.socket:
            event = json.loads(message)
            kind = event.pop("type", None)
            if kind not in FIELDS:
                await self.fail(f"Unknown event type: {kind}", "unknown_event")
                continue
            if unknown := event.keys() - FIELDS[kind]:
                self.faults.append(f"{kind} has {sorted(unknown)}")
            if kind == "session.update":
                self.model = event["model"]
            elif kind == "input_audio_buffer.append":
                await self.hear(base64.b64decode(event["audio"], validate=True))
            elif self.model is None:
                await self.fail("Model not validated", "model_not_validated")
            elif event.get("final", False):
                await self.end()
            elif self.heard is not None:
                self.faults.append("a commit while an utterance was under way")
            else:
                self.heard = 0

    async def hear(self, audio: bytes) -> None:
        if len(audio) == 0 or len(audio) % 2:
            await self.fail("Invalid audio data", "invalid_audio")
        elif self.heard is None:
            self.faults.append("audio before an utterance was begun, which is lost")
        else:
            before, self.heard = self.heard, self.heard + len(audio) // 2
            if before < FIRST_WORDS_SAMPLES <= self.heard:
                await self.send("transcription.delta", delta="so many")

    async def end(self) -> None:
        if self.heard is None:
            self.faults.append("the end of an utterance that was not begun")
            return
        words = f" {self.heard}"
        await self.send("transcription.delta", delta=words)
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        self.utterances += 1
        self.samples += self.heard
        # What comes before the next commit is lost, as what is sent before this is received.
        self.heard = None
        await self.send("transcription.done", text=f"so many{words}", usage=usage)


async def handle(socket: ServerConnection) -> None:
    session = Session(socket)
    with contextlib.suppress(ConnectionClosed):
        await session.serve()
    if session.heard is not None:
        session.faults.append(f"an utterance was begun and not ended, after {session.heard} samples")
    if socket.close_code != 1000:
        session.faults.append(f"closed with {socket.close_code}")
    print(f"utterances {session.utterances} samples {session.samples} faults {session.faults}", flush=True)


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0) as server:
        [listener] = server.sockets
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
