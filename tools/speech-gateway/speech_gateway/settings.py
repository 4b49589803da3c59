"""What can be set, from the command line."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How the gateway is to behave."""

    listen: str = "127.0.0.1:50051"
    metrics_addr: str = "127.0.0.1:8080"
    tts: str = "espeak"
    max_streams: int = 4
    silence_ms: int = 600
    first_word_ms: int = 200
    words_per_second: float = 20.0
    words: int = 20
    seed: int = 1


def read(arguments: list[str] | None = None) -> Settings:
    """The settings of a command line; a mistake ends the program with a sentence."""
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="speech-gateway",
        description="A voice gateway on the CPU: PocketSphinx hears, espeak-ng or Piper speaks",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--listen",
        metavar="HOST:PORT",
        type=_address,
        default=default.listen,
        help="gRPC; port 0: any",
    )
    add(
        "--metrics-addr",
        metavar="HOST:PORT",
        type=_address,
        default=default.metrics_addr,
        help="Prometheus metrics; port 0: any",
    )
    add("--tts", choices=["espeak", "piper"], default=default.tts, help="who speaks")
    add(
        "--max-streams",
        metavar="N",
        type=_between(1, 64),
        default=default.max_streams,
        help="calls at a time, each with a recogniser (a process of about 150 MB) of its own",
    )
    add(
        "--silence-ms",
        metavar="MS",
        type=_between(100, 5000),
        default=default.silence_ms,
        help="silence that ends an utterance",
    )
    add(
        "--first-word-ms",
        metavar="MS",
        type=_between(0, 60_000),
        default=default.first_word_ms,
        help="time to the first word of the language model",
    )
    add(
        "--words-per-second",
        metavar="N",
        type=_rate,
        default=default.words_per_second,
        help="speed of the language model",
    )
    add(
        "--words",
        metavar="N",
        type=_between(1, 500),
        default=default.words,
        help="about how many words an answer has, besides those that were heard",
    )
    add("--seed", metavar="N", type=int, default=default.seed, help="what answers derive from")
    return Settings(**vars(parser.parse_args(arguments)))


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"`{text}` is no address; write 127.0.0.1:50051")
    return text


class _between:
    """Reads a whole number between two others."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        if text.isdecimal() and self.least <= int(text) <= self.most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"`{text}` is no whole number from {self.least} to {self.most}"
        )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if 0.1 <= rate <= 10_000:
        return rate
    raise argparse.ArgumentTypeError(f"`{text}` is no number of words from 0.1 to 10000")
