"""A server of OpenAI Realtime that is little more than the PyPI package `websockets`, for callers that push to talk.

    server.py

It says on standard error where it listens, and how each session was closed. How it treats a session is the value of
`mode` in the session's query: `plain` answers each utterance, the others do something odd. It ends by itself after
five minutes.
"""

import array
import asyncio
import base64
import contextlib
import http
import json
import math
import random
import socket
import struct
import sys
import urllib.parse

try:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
except ImportError as error:
    sys.exit(
        f"{error}: make a Python that has it with\n"
        "    python3 -m venv VENV && VENV/bin/pip install -r tests/it/foreign/realtime/requirements.txt\n"
        "and name it to the test with VOICELT_TEST_WEBSOCKETS=VENV/bin/python"
    )

LIFE_S = 300
# So much the system takes in the name of a server that does not read.
SMALL_BUFFER = 16 * 1024
REST_S = 3
WORDS = "Größe: 10 €, 你好 🙂"

# A tenth of a second of a tone, of which an answer has three.
TONE = array.array("h", (round(8_000 * math.sin(index / 8)) for index in range(2_400))).tobytes()
TONES = 3


class Session:
    """What is said on one connection."""

    def __init__(self, socket: ServerConnection, mode: str) -> None:
        self.socket = socket
        self.mode = mode

    async def send(self, kind: str, **fields: object) -> None:
        text = json.dumps({"type": kind, **fields}, ensure_ascii=False)
        if self.mode == "fragments":
            await self.socket.send(self.fragments(text))
        else:
            await self.socket.send(text)

    async def fragments(self, text: str):
        """A text in pieces, some of them empty, with a ping and a pong before the last."""
        at = sorted(random.choices(range(len(text)), k=3))
        for start, end in zip([0, *at], at):
            yield text[start:end]
        await self.socket.ping()
        await self.socket.pong(b"nobody asked")
        yield text[at[-1] :]

    async def serve(self) -> None:
        if self.mode == "no-session":
            await self.socket.wait_closed()
        await self.send("session.created", session={"id": "sess_1", "type": "realtime"})
        async for message in self.socket:
            await self.hear(json.loads(message)["type"])

    async def hear(self, kind: str) -> None:
        if kind == "session.update" and self.mode != "no-ready":
            await self.send("session.updated", session={"id": "sess_1", "type": "realtime"})
            if self.mode == "deaf":
                await self.socket.wait_closed()
            if self.mode == "slow":
                await asyncio.sleep(REST_S)
        if kind == "input_audio_buffer.commit":
            await self.send("input_audio_buffer.committed", item_id="said", previous_item_id=None)
        if kind == "response.create" and self.mode != "no-answer":
            await self.answer()

    async def answer(self) -> None:
        of = {"response_id": "resp_1", "output_index": 0}
        part = {**of, "item_id": "answer", "content_index": 0}
        item = {"id": "answer", "type": "message", "role": "assistant", "content": []}
        await self.send("response.created", response={"id": "resp_1", "status": "in_progress"})
        await self.send("response.output_item.added", item=item, **of)
        await self.send("conversation.item.added", item=item, previous_item_id="said")
        await self.send("response.content_part.added", part={"type": "audio"}, **part)
        await self.send("response.output_audio_transcript.delta", delta=WORDS, **part)
        for _ in range(TONES):
            sound = base64.b64encode(TONE).decode()
            await self.send("response.output_audio.delta", delta=sound, **part)
        if self.mode in MODES:
            await MODES[self.mode](self)
        if self.mode != "endless":
            response = {"id": "resp_1", "status": "completed", "output": [item]}
            await self.send("response.done", response=response)

    async def raw(self, frame: bytes) -> None:
        """Writes what the package would not."""
        self.socket.transport.write(frame)
        await self.socket.wait_closed()


async def ask(session: Session) -> None:
    """Goes on with the answer only once each ping was answered with what it held."""
    for payload in (b"", b"\x00\xff", bytes(range(125))):
        answered = await session.socket.ping(payload)
        await asyncio.wait_for(answered, 60)


async def vanish(session: Session) -> None:
    """Drops the connection by a reset."""
    raw = session.socket.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.socket.transport.abort()
    await session.socket.wait_closed()


async def hang_up_inside(session: Session) -> None:
    """Ends the connection behind the first half of a frame."""
    session.socket.transport.write(b"\x81\x7d" + b"half of it")
    session.socket.transport.write_eof()
    await session.socket.wait_closed()


# What happens in the midst of an answer.
MODES = {
    "ping": ask,
    "vanish": vanish,
    "hang-up-inside": hang_up_inside,
    "deep": lambda session: session.socket.send('{"type":"response.done","response":' + "[" * 1_000_000),
    "giant": lambda session: session.raw(b"\x81\x7f" + (1 << 30).to_bytes(8)),
    "odd-base64": lambda session: session.send("response.output_audio.delta", delta="AAAAA"),
    "binary": lambda session: session.socket.send(bytes(range(256)) * 16),
    "masked": lambda session: session.raw(b"\x81\x82keyz##"),
    "reserved-bit": lambda session: session.raw(b"\xc1\x02{}"),
    "not-utf8": lambda session: session.raw(b"\x81\x02\xc3\x28"),
    "endless": lambda session: session.socket.ping(),
}
for code in (1001, 1008, 1009, 1013, 4001):
    MODES[f"close-{code}"] = lambda session, code=code: session.socket.close(code, "enough of this")


def mode_of(request: Request) -> str:
    query = urllib.parse.urlsplit(request.path).query
    return urllib.parse.parse_qs(query)["mode"][0]


async def at_upgrade(connection: ServerConnection, request: Request) -> Response | None:
    """What is answered instead of an upgrade."""
    mode = mode_of(request)
    if mode == "no-upgrade":
        await asyncio.sleep(LIFE_S)
    if not mode.startswith("http-"):
        return None
    response = connection.respond(http.HTTPStatus(int(mode.removeprefix("http-"))), "not now\n")
    if mode == "http-429":
        response.headers["Retry-After"] = "7"
    if mode == "http-302":
        response.headers["Location"] = "https://elsewhere.example/v1/realtime?key=secret"
    return response


async def handle(connection: ServerConnection) -> None:
    mode = mode_of(connection.request)
    with contextlib.suppress(ConnectionClosed):
        await Session(connection, mode).serve()
    print(f"{mode} was closed with {connection.close_code}", file=sys.stderr, flush=True)


async def main() -> None:
    # With its protocol named, or asyncio would leave small segments waiting for each other.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    listener.bind(("127.0.0.1", 0))
    options = {
        "process_request": at_upgrade,
        "compression": None,
        "open_timeout": None,
        "ping_interval": None,
        "close_timeout": 2,
        # What is not asked for stays in the socket.
        "max_queue": 1,
    }
    async with serve(handle, sock=listener, **options):
        port = listener.getsockname()[1]
        print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.sleep(LIFE_S)


if __name__ == "__main__":
    asyncio.run(main())
