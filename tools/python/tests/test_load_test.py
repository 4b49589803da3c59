"""The interface of `load_test.py`."""

import asyncio
import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

import voicelt
from voicelt import LoadTestConfig, LoadTestRunner, TestScenario

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
SHORT: dict[str, Any] = {
    "max_users": 2,
    "ramp_up_time": 0.2,
    "hold_time": 2.0,
    "ramp_down_time": 0.2,
    "think_time": 0.1,
}


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)(ms|s|m)", text)
    assert found is not None, text
    return int(found[1]) * UNITS[found[2]]


@pytest.mark.parametrize("scenario", TestScenario)
def test_scenarios_have_the_numbers_of_the_command(scenario: TestScenario) -> None:
    path = REPOSITORY / "traces" / "scenarios" / f"{scenario.value}.toml"
    theirs = tomllib.loads(path.read_text())
    ours = LoadTestConfig.from_scenario(scenario)
    assert ours.max_users == theirs["users"]
    assert ours.hold_time == seconds(theirs["duration"])
    assert ours.ramp_up_time == seconds(theirs.get("ramp-up", "0s"))
    assert ours.ramp_down_time == seconds(theirs.get("ramp-down", "0s"))
    assert ours.think_time == seconds(theirs["think-time"])
    assert ours.requests_per_user == theirs.get("requests-per-user", 0)
    assert ours.total_duration == ours.ramp_up_time + ours.hold_time + ours.ramp_down_time


def test_every_scenario_of_the_command_is_there() -> None:
    files = (REPOSITORY / "traces" / "scenarios").glob("*.toml")
    assert {scenario.value for scenario in TestScenario} == {file.stem for file in files}


def test_settings_overrule_a_scenario_and_are_told() -> None:
    config = LoadTestConfig.from_scenario(
        TestScenario.MEDIUM, target_url="gateway:1", audio_dir="a", max_users=3, chunk_delay=0.01
    )
    assert config.to_dict() == {
        "target_url": "gateway:1",
        "audio_dir": "a",
        "max_users": 3,
        "ramp_up_time": 30.0,
        "hold_time": 300.0,
        "ramp_down_time": 10.0,
        "think_time": 1.5,
        "requests_per_user": 0,
        "request_timeout": 60.0,
        "sample_rate": 16_000,
        "language_code": "en-US",
        "chunk_size": 4_096,
        "chunk_delay": 0.01,
        "scenario": "medium",
        "use_ssl": False,
        "output_file": None,
        "csv_file": None,
        "live_stats_interval": 5.0,
        "verbose": False,
        "debug": False,
        "total_duration": 340.0,
    }
    assert config.arguments()[:2] == ["--scenario", "medium"]


def test_a_limit_of_a_scenario_can_be_taken_away() -> None:
    limited = LoadTestConfig.from_scenario(TestScenario.BASELINE).arguments()
    assert limited[limited.index("--requests-per-user") + 1] == "10"
    for none in (None, 0):
        endless = LoadTestConfig.from_scenario(TestScenario.BASELINE, requests_per_user=none)
        flags = endless.arguments()
        assert flags[flags.index("--requests-per-user") + 1] == "0"
        assert flags[:2] == ["--scenario", "baseline"]


@pytest.mark.parametrize(
    ("chunk_size", "chunk_delay", "flags"),
    [
        (4_096, 0.01, ["--pace", "original"]),
        (640, 0.02, ["--pace", "realtime", "--chunk", "20ms"]),
        (4_096, 0.128, ["--pace", "realtime", "--chunk", "128ms"]),
        (640, 0.005, ["--pace", "fast:4.0", "--chunk", "20ms"]),
    ],
)
def test_chunks_become_a_pace(chunk_size: int, chunk_delay: float, flags: list[str]) -> None:
    config = LoadTestConfig(chunk_size=chunk_size, chunk_delay=chunk_delay)
    assert config.arguments()[-len(flags) :] == flags


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sample_rate": 8_000}, "leave it at 16000"),
        ({"chunk_size": 1_000}, "a multiple of 32"),
        ({"chunk_size": 640, "chunk_delay": 0.03}, "spoken in 0.02 s"),
        ({"chunk_size": 640, "chunk_delay": 0.0}, "spoken in 0.02 s"),
        ({"hold_time": -1.0}, "hold_time is -1.0"),
        ({"think_time": float("nan")}, "think_time is nan"),
        ({"requests_per_user": -1}, "requests_per_user is -1"),
        ({"live_stats_interval": 0.0}, "live_stats_interval is 0.0"),
        ({"use_ssl": True, "target_url": "http://a:1"}, "target_url is http://a:1"),
        ({"use_ssl": True, "target_url": "embedded"}, "target_url is embedded"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        asyncio.run(LoadTestRunner(LoadTestConfig(**settings)).run())


def test_results_are_where_they_are_wanted(
    demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = LoadTestConfig("embedded", str(demo), **SHORT)
    runner = LoadTestRunner(config, tmp_path / "run", quiet=True)
    collector = asyncio.run(runner.run())
    assert capfd.readouterr() == ("", "")
    assert collector.exit_code == 0
    assert collector.run_dir == tmp_path / "run"
    requests = collector.generate_report()["summary"]["total_requests"]
    assert collector.load().requests.height == requests


def test_what_keeps_a_test_from_being_made_is_raised(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = LoadTestConfig("127.0.0.1:1", str(demo), **SHORT)
    with pytest.raises(voicelt.TargetUnreachable, match=r"^error: .*127\.0\.0\.1:1") as raised:
        asyncio.run(LoadTestRunner(nowhere).run())
    assert raised.value.exit_code == 3
    silent = LoadTestConfig("embedded", str(tmp_path / "absent"), **SHORT)
    with pytest.raises(voicelt.BadInput, match=r"^error: .*absent"):
        asyncio.run(LoadTestRunner(silent).run())


def test_a_gateway_that_fails_is_in_the_report(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing can be answered within a millisecond: exit code 99, or 4 on a machine that is late.
    monkeypatch.chdir(tmp_path)
    config = LoadTestConfig("embedded", str(demo), request_timeout=0.001, **SHORT)
    collector = asyncio.run(LoadTestRunner(config, quiet=True).run())
    summary = collector.generate_report()["summary"]
    assert collector.exit_code in (4, 99)
    assert summary["success_rate"] == 0
    assert summary["timeout_requests"] == summary["total_requests"] > 0


def test_a_cancelled_test_leaves_what_it_has(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    config = LoadTestConfig("embedded", str(demo), **SHORT | {"hold_time": 600.0})

    async def cancel_when_some_are_answered() -> None:
        task = asyncio.create_task(LoadTestRunner(config, path, quiet=True).run())
        async with asyncio.timeout(60):
            while not list(path.glob("requests-*.parquet")):
                assert not task.done()
                await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(cancel_when_some_are_answered())
    run = voicelt.load_run(path)
    assert run.manifest["exit_reason"] == "interrupted"
    assert run.requests["success"].sum() > 0
