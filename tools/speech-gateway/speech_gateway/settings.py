"""What can be set, from the command line."""

import argparse
from collections.abc import Callable
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


class CannotListen(Exception):
    """An address that is taken, or cannot be listened on for another reason."""

    def __init__(self, what: str, address: str, flag: str, why: str) -> None:
        super().__init__(
            f"cannot listen on {address} for {what}: {why}; "
            f"give another address with {flag} HOST:PORT (port 0: any that is free)"
        )


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"`{text}` is no address; write 127.0.0.1:50051")
    return text


def _voice(text: str) -> str:
    if text not in ("espeak", "piper"):
        raise argparse.ArgumentTypeError(f"`{text}` is no voice; write espeak or piper")
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


# Each setting: its name, what stands for its value in the help, how that is read, and what it is.
OPTIONS: list[tuple[str, str, Callable[[str], object], str]] = [
    ("listen", "HOST:PORT", _address, "gRPC; port 0: any"),
    ("metrics_addr", "HOST:PORT", _address, "Prometheus metrics; port 0: any"),
    ("tts", "espeak|piper", _voice, "who speaks"),
    (
        "max_streams",
        "N",
        _between(1, 64),
        "calls at a time, each with a recogniser (a process of about 150 MB) of its own",
    ),
    ("silence_ms", "MS", _between(100, 5000), "silence that ends an utterance"),
    ("first_word_ms", "MS", _between(0, 60_000), "time to the first word of the language model"),
    ("words_per_second", "N", _rate, "speed of the language model"),
    ("words", "N", _between(1, 500), "about how many words an answer has, besides those heard"),
    ("seed", "N", int, "what answers derive from"),
]


def read(arguments: list[str] | None = None) -> Settings:
    """The settings of a command line; a mistake ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        prog="speech-gateway",
        description="A voice gateway on the CPU: PocketSphinx hears, espeak-ng or Piper speaks",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    default = Settings()
    for name, metavar, kind, text in OPTIONS:
        parser.add_argument(
            "--" + name.replace("_", "-"),
            metavar=metavar,
            type=kind,
            default=getattr(default, name),
            help=text,
        )
    return Settings(**vars(parser.parse_args(arguments)))
