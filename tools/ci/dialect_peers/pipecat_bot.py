"""A bot on Pipecat, called by Twilio Media Streams: Silero hears where speech ends, pocketsphinx what was said, and
espeak-ng says it again. Says where it listens.

Needs what `requirements-pipecat.txt` says, and espeak-ng.
"""

import asyncio
import functools
import multiprocessing
import socket
from collections.abc import AsyncGenerator
from concurrent.futures import Executor, ProcessPoolExecutor

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, TranscriptionFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner
from pocketsphinx import Decoder

HEARD_HZ = 16_000
WAV_HEADER_BYTES = 44


@functools.cache
def decoder() -> Decoder:
    return Decoder(samprate=HEARD_HZ, loglevel="FATAL")


def transcribe(audio: bytes) -> str:
    decoder().start_utt()
    decoder().process_raw(audio, full_utt=True)
    decoder().end_utt()
    found = decoder().hyp()
    return found.hypstr if found else ""


class Sphinx(SegmentedSTTService):
    """pocketsphinx with the model of its wheel, in a process of its own: it lets nothing else run meanwhile."""

    def __init__(self, ears: Executor) -> None:
        super().__init__(sample_rate=HEARD_HZ, settings=STTSettings(model=None, language=None), ttfs_p99_latency=1.0)
        self.ears = ears

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        words = await asyncio.get_running_loop().run_in_executor(self.ears, transcribe, audio)
        yield TranscriptionFrame(words or "nothing", "caller", time_now_iso8601())


class Espeak(TTSService):
    """espeak-ng, as a program."""

    def __init__(self) -> None:
        settings = TTSSettings(model=None, voice=None, language=None)
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        command = ("espeak-ng", "--stdout", "-v", "en-us", "--", text)
        speaking = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        wav, _ = await speaking.communicate()

        async def sound() -> AsyncGenerator[bytes, None]:
            yield wav[WAV_HEADER_BYTES:]

        # The rate of its voices.
        async for frame in self._stream_audio_frames_from_iterator(
            sound(), in_sample_rate=22_050, context_id=context_id
        ):
            yield frame


class Clerk(FrameProcessor):
    """Says again what was said."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self.push_frame(TTSSpeakFrame(f"You said: {frame.text}."))
        else:
            await self.push_frame(frame, direction)


app = FastAPI()


@app.websocket("/media")
async def call(websocket: WebSocket) -> None:
    await websocket.accept()
    kind, told = await parse_telephony_websocket(websocket)
    print(f"call of {kind}", flush=True)
    serializer = TwilioFrameSerializer(
        stream_sid=told["stream_id"],
        call_sid=told["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(websocket=websocket, params=params)
    steps = [
        transport.input(),
        VADProcessor(vad_analyzer=SileroVADAnalyzer()),
        Sphinx(websocket.app.state.ears),
        Clerk(),
        Espeak(),
        transport.output(),
    ]
    worker = PipelineWorker(
        Pipeline(steps), params=PipelineParams(audio_in_sample_rate=HEARD_HZ, audio_out_sample_rate=8_000)
    )

    @transport.event_handler("on_client_disconnected")
    async def hung_up(_transport: object, _client: object) -> None:
        print("hung up", flush=True)
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def main() -> None:
    ears = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with ears, socket.create_server(("127.0.0.1", 0)) as listener:
        # Both models are read before anybody calls.
        ears.submit(transcribe, bytes(HEARD_HZ)).result()
        SileroVADAnalyzer()
        app.state.ears = ears
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
