"""The settings of a load test, under the names of `load_test.py`, and its six scenarios."""

from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

# Clips are 16 kHz, mono, 16 bits.
_SAMPLE_RATE = 16_000
_BYTES_PER_S = 2 * _SAMPLE_RATE
_BYTES_PER_MS = _BYTES_PER_S // 1_000
_LONGEST_CHUNK_MS = 1_000
_ORIGINAL = (4_096, 0.01)
_FASTEST = 100
_NS_PER_S = 1_000_000_000


class TestScenario(Enum):
    """The scenarios; the values are the names that `voicelt run --scenario` knows."""

    # pytest would take the name for that of a class of tests.
    __test__ = False

    BASELINE = "baseline"
    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    SPIKE = "spike"
    ENDURANCE = "endurance"


class Settings(TypedDict, total=False):
    """Settings that overrule a scenario: those of `LoadTestConfig`."""

    max_users: int
    ramp_up_time: float
    hold_time: float
    ramp_down_time: float
    think_time: float
    requests_per_user: int | None
    request_timeout: float
    sample_rate: int
    language_code: str
    chunk_size: int
    chunk_delay: float
    use_ssl: bool
    output_file: str | Path | None
    csv_file: str | Path | None
    live_stats_interval: float
    verbose: bool
    debug: bool


def _scenario(
    users: int, ramp_up: float, hold: float, ramp_down: float, think: float
) -> dict[str, Any]:
    return {
        "max_users": users,
        "ramp_up_time": ramp_up,
        "hold_time": hold,
        "ramp_down_time": ramp_down,
        "think_time": think,
    }


# The numbers of traces/scenarios/, which the tests compare them with.
_SCENARIOS: dict[TestScenario, dict[str, Any]] = {
    TestScenario.BASELINE: _scenario(1, 0.0, 30.0, 0.0, 2.0) | {"requests_per_user": 10},
    TestScenario.LIGHT: _scenario(5, 10.0, 120.0, 5.0, 2.0),
    TestScenario.MEDIUM: _scenario(20, 30.0, 300.0, 10.0, 1.5),
    TestScenario.HEAVY: _scenario(50, 60.0, 300.0, 15.0, 1.0),
    TestScenario.SPIKE: _scenario(100, 5.0, 30.0, 5.0, 0.5),
    TestScenario.ENDURANCE: _scenario(20, 30.0, 1_800.0, 10.0, 3.0),
}


@dataclass
class LoadTestConfig:
    """What a load test does; durations are in seconds.

    The defaults are those of `load_test.py`, and so is the pace: 4,096 bytes every 10 ms, over 11
    times as fast as speech. For speech as fast as it is spoken: `chunk_size=640, chunk_delay=0.02`.
    """

    target_url: str = "localhost:50051"
    """`host:port`, a URL, or `embedded` for the reference gateway."""
    audio_dir: str | Path = "./test_audio"
    """A folder of audio in any format, or a trace."""
    max_users: int = 10
    ramp_up_time: float = 10.0
    hold_time: float = 60.0
    """How long all users are there."""
    ramp_down_time: float = 5.0
    think_time: float = 1.0
    requests_per_user: int | None = 0
    """0 or None: no limit."""
    request_timeout: float = 60.0
    """From the end of speech to the first audio."""
    sample_rate: int = _SAMPLE_RATE
    """Hz; nothing else than 16000 is possible, since audio is converted to it."""
    language_code: str = "en-US"
    chunk_size: int = _ORIGINAL[0]
    """Bytes."""
    chunk_delay: float = _ORIGINAL[1]
    """Seconds from one chunk to the next."""
    scenario: TestScenario | None = None
    """The scenario that the report names; its numbers are those above, whatever it is."""
    use_ssl: bool = False
    """Whether a `target_url` without `https://` is over TLS all the same."""
    output_file: str | Path | None = None
    """Where the report is written when the test has ended, as JSON."""
    csv_file: str | Path | None = None
    """Where a line for each request is written when the test has ended."""
    live_stats_interval: float = 5.0
    """From one line on standard error to the next while the test goes on, in whole seconds."""
    verbose: bool = False
    """Whether requests that failed are told as they end."""
    debug: bool = False
    """Whether all requests are."""

    @property
    def total_duration(self) -> float:
        """How long users are there, ramps included."""
        return self.ramp_up_time + self.hold_time + self.ramp_down_time

    @classmethod
    def from_scenario(
        cls,
        scenario: TestScenario,
        target_url: str = "localhost:50051",
        audio_dir: str | Path = "./test_audio",
        **overrides: Unpack[Settings],
    ) -> Self:
        """The settings of a scenario, with `overrides` in their place."""
        settings = _SCENARIOS[scenario] | dict(overrides)
        return cls(target_url=target_url, audio_dir=audio_dir, scenario=scenario, **settings)

    def to_dict(self) -> dict[str, Any]:
        """Every setting by its name, and `total_duration`, fit for JSON."""
        settings = asdict(self) | {
            "scenario": self.scenario and self.scenario.value,
            "requests_per_user": self.requests_per_user or 0,
            "total_duration": self.total_duration,
        }
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings.items()
        }

    def arguments(self) -> list[str]:
        """The flags of `voicelt run` that say the same.

        Raises `ValueError` for settings that cannot be.
        """
        if self.sample_rate != _SAMPLE_RATE:
            raise ValueError(
                f"sample_rate is {self.sample_rate}; leave it at {_SAMPLE_RATE}: audio of any rate "
                "is converted to that"
            )
        limit = self.requests_per_user or 0
        if limit < 0:
            raise ValueError(f"requests_per_user is {limit}; give a number, or 0 for no limit")
        return [
            *([] if self.scenario is None else ["--scenario", self.scenario.value]),
            *["--target", self._target(), "--audio", str(self.audio_dir)],
            *["--users", str(self.max_users)],
            *["--ramp-up", _duration("ramp_up_time", self.ramp_up_time)],
            *["--duration", _duration("hold_time", self.hold_time)],
            *["--ramp-down", _duration("ramp_down_time", self.ramp_down_time)],
            *["--think-time", _duration("think_time", self.think_time)],
            *["--requests-per-user", str(limit)],
            *["--timeout", _duration("request_timeout", self.request_timeout)],
            *["--language", self.language_code],
            *([] if self.csv_file is None else ["--csv", str(self.csv_file)]),
            *["--live-interval", _whole_seconds("live_stats_interval", self.live_stats_interval)],
            *_pace(self.chunk_size, self.chunk_delay),
        ]

    def _target(self) -> str:
        """The target as a URL where that says more."""
        if not self.use_ssl or self.target_url.startswith("https://"):
            return self.target_url
        if "://" in self.target_url or self.target_url == "embedded":
            raise ValueError(
                f"use_ssl is set, and target_url is {self.target_url}, which is without TLS; "
                "give host:port or an https:// URL"
            )
        return f"https://{self.target_url}"


def _whole_seconds(name: str, seconds: float) -> str:
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{name} is {seconds}; give a number of seconds, over 0")
    return f"{max(1, round(seconds))}s"


def _duration(name: str, seconds: float) -> str:
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{name} is {seconds}; give a number of seconds, 0 or more")
    return f"{round(seconds * _NS_PER_S)}ns"


def _pace(chunk_size: int, chunk_delay: float) -> list[str]:
    """The flags for so many bytes every so many seconds."""
    if (chunk_size, chunk_delay) == _ORIGINAL:
        return ["--pace", "original"]
    chunk_ms, rest = divmod(chunk_size, _BYTES_PER_MS)
    if rest or not 1 <= chunk_ms <= _LONGEST_CHUNK_MS:
        raise ValueError(
            f"chunk_size is {chunk_size}; give {_ORIGINAL[0]} with a chunk_delay of {_ORIGINAL[1]}"
            f", or whole milliseconds of audio: a multiple of {_BYTES_PER_MS} up to {_BYTES_PER_S}"
        )
    spoken_in = chunk_size / _BYTES_PER_S
    times = spoken_in / chunk_delay if chunk_delay > 0 else float("inf")
    if abs(times - 1) < 1e-9:
        return ["--pace", "realtime", "--chunk", f"{chunk_ms}ms"]
    if not 1 < times <= _FASTEST:
        raise ValueError(
            f"chunk_delay is {chunk_delay}, and {chunk_size} bytes are spoken in {spoken_in} s; "
            f"give that, or less, down to {spoken_in / _FASTEST}: a hundredth of it"
        )
    return ["--pace", f"fast:{times!r}", "--chunk", f"{chunk_ms}ms"]
