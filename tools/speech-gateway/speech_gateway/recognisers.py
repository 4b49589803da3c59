"""Recognisers, each a process of its own: decoding would hold up everything else in one."""

import asyncio
import contextlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from .hearing import Heard, serve

# A piece of audio that takes longer to recognise is given up.
TIMEOUT_S = 30.0


class RecogniserError(Exception):
    """A recogniser that does not answer any more."""


class Listener(Protocol):
    """Hears one call at a time."""

    async def open(self, rate_hz: int) -> None: ...

    async def hear(self, pcm: bytes) -> list[Heard]: ...

    async def end(self) -> list[Heard]: ...


class Recogniser:
    """A process that recognises, and the way to ask it."""

    def __init__(self, silence_ms: int, threads: ThreadPoolExecutor) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, silence_ms), daemon=True)
        self._process.start()
        theirs.close()
        self._threads = threads
        self._asking: asyncio.Future[list[Heard]] | None = None

    async def open(self, rate_hz: int) -> None:
        """Begins a call."""
        await self._ask("open", rate_hz)

    async def hear(self, pcm: bytes) -> list[Heard]:
        """Takes in audio."""
        return await self._ask("audio", pcm)

    async def end(self) -> list[Heard]:
        """Ends a call."""
        return await self._ask("end", None)

    async def settle(self) -> None:
        """Waits for an answer that nobody waits for any more, and ends what call there is.

        Raises RecogniserError where there is none to expect.
        """
        if self._asking is not None:
            await self._asking
        await self._ask("end", None)

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.terminate()
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()

    async def _ask(self, what: str, value: Any) -> list[Heard]:
        loop = asyncio.get_running_loop()
        self._asking = loop.run_in_executor(self._threads, self._exchange, what, value)
        # Whoever waits may be cancelled; the answer still comes, and belongs to this question.
        return await asyncio.shield(self._asking)

    def _exchange(self, what: str, value: Any) -> list[Heard]:
        try:
            self._connection.send((what, value))
            if not self._connection.poll(TIMEOUT_S):
                raise RecogniserError(f"the recogniser took over {TIMEOUT_S:.0f} s")
            heard: list[Heard] = self._connection.recv()
        except (EOFError, OSError) as error:
            raise RecogniserError("the recogniser's process has ended") from error
        return heard


class Recognisers:
    """All of them, one for each call that there may be."""

    def __init__(self, count: int, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="recogniser")
        self._free = [self._start() for _ in range(count)]
        self._all = set(self._free)
        self._closed = False

    def _start(self) -> Recogniser:
        return Recogniser(self._silence_ms, self._threads)

    def take(self) -> Recogniser | None:
        """A recogniser that is free, if there is one."""
        return self._free.pop() if self._free else None

    async def give_back(self, recogniser: Recogniser) -> None:
        """Makes it free again; one that fails is replaced."""
        if self._closed:
            return
        try:
            await recogniser.settle()
        except RecogniserError:
            self._all.discard(recogniser)
            await asyncio.to_thread(recogniser.close)
            recogniser = await asyncio.to_thread(self._start)
            self._all.add(recogniser)
        self._free.append(recogniser)

    async def ready(self) -> None:
        """Waits until all have loaded their models."""
        await asyncio.gather(*(recogniser.end() for recogniser in self._free))

    def close(self) -> None:
        """Ends all processes."""
        self._closed = True
        for recogniser in self._all:
            with contextlib.suppress(OSError):
                recogniser.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
