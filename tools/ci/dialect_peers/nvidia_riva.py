#!/usr/bin/env python3
"""A server of NVIDIA Riva's StreamingRecognize on the stubs of PyPI's `nvidia-riva-client`, and voicelt that calls it.

    tools/ci/dialect_peers/nvidia_riva.py VOICELT

It transcribes nothing: what counts is that the messages are read as they are meant, both ways. Needs what
`requirements-riva.txt` says.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto import riva_asr_pb2_grpc as services
from riva.client.proto import riva_audio_pb2 as sound

from caller import DIALECTS, SESSIONS, Caller, Ear, demand, transcripts

RATE_HZ = 16_000


def result(words: str, *, is_final: bool, heard_s: float) -> asr.StreamingRecognizeResponse:
    alternative = asr.SpeechRecognitionAlternative(transcript=words, confidence=0.9)
    found = asr.StreamingRecognitionResult(
        alternatives=[alternative], is_final=is_final, stability=1.0, channel_tag=1, audio_processed=heard_s
    )
    return asr.StreamingRecognizeResponse(results=[found])


class Recognizer(services.RivaSpeechRecognitionServicer):
    """Answers with how many samples were loud, and keeps what callers did wrong."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.faults: list[str] = []
        self.ended = 0

    def blame(self, fault: str) -> None:
        with self.lock:
            self.faults.append(fault)

    def check(self, first: asr.StreamingRecognizeRequest) -> None:
        if first.WhichOneof("streaming_request") != "streaming_config":
            self.blame(f"the first message has {first.WhichOneof('streaming_request')}, no streaming_config")
        config = first.streaming_config.config
        said = (config.encoding, config.sample_rate_hertz, config.language_code, config.audio_channel_count)
        if said != (sound.LINEAR_PCM, RATE_HZ, "en-US", 1) or not first.streaming_config.interim_results:
            self.blame(f"the configuration is {first}")

    def StreamingRecognize(
        self, request_iterator: Iterator[asr.StreamingRecognizeRequest], context: grpc.ServicerContext
    ) -> Iterator[asr.StreamingRecognizeResponse]:
        self.check(next(request_iterator))
        ear = Ear(RATE_HZ)
        for request in request_iterator:
            if request.WhichOneof("streaming_request") != "audio_content" or len(request.audio_content) % 2:
                self.blame(f"a message that is no audio: {request}"[:200])
                continue
            event = ear.hear(request.audio_content)
            heard_s = ear.samples / RATE_HZ
            if event == "began":
                # Without results, as the server says what it does between them; then the first words.
                yield asr.StreamingRecognizeResponse()
                yield result("some", is_final=False, heard_s=heard_s)
            elif event == "ended":
                yield result(f"some {ear.speech_samples} ", is_final=True, heard_s=heard_s)
        if ear.end():
            yield result(f"some {ear.speech_samples} ", is_final=True, heard_s=ear.samples / RATE_HZ)
        with self.lock:
            self.ended += 1


def main() -> None:
    caller = Caller(Path(sys.argv[1]))
    recognizer = Recognizer()
    server = grpc.server(ThreadPoolExecutor(2 * SESSIONS))
    services.add_RivaSpeechRecognitionServicer_to_server(recognizer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        rows = caller.replay(DIALECTS / "riva.toml", f"127.0.0.1:{port}")
    finally:
        server.stop(None).wait(10)
    demand(not recognizer.faults, f"riva: {recognizer.faults[:5]}")
    demand(recognizer.ended == SESSIONS, f"riva: {recognizer.ended} of {SESSIONS} streams were ended by their callers")
    print(f"riva: {transcripts('riva', rows)}")


if __name__ == "__main__":
    main()
