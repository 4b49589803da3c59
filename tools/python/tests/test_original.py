"""Programs that were written for `load_test.py`."""

import asyncio
import json
import os
import re
import stat
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import voicelt
from voicelt import LoadTestConfig, LoadTestRunner, TestScenario, _binary, run_load_test

README = Path(__file__).resolve().parents[1] / "README.md"
SHORT: dict[str, Any] = {
    "max_users": 2,
    "ramp_up_time": 0.2,
    "hold_time": 2.0,
    "ramp_down_time": 0.2,
    "think_time": 0.1,
}
# A command in the place of ours: what it is told of these flags is something else.
SHORTENED = """#!{python}
import os, sys
instead = {instead!r}
words = sys.argv[1:]
for at, word in enumerate(words[:-1]):
    words[at + 1] = instead.get(word, words[at + 1])
os.execv({command!r}, [{command!r}, *words])
"""

Shortened = Callable[[str], None]


@pytest.fixture
def shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shortened:
    """Lets the command be one that runs for a moment, against the gateway that is named."""

    def shorten(gateway: str) -> None:
        instead = {
            "--target": gateway,
            **{"--users": "2", "--duration": "2s", "--think-time": "100ms"},
            **{"--ramp-up": "200ms", "--ramp-down": "200ms"},
        }
        program = tmp_path / "shortened"
        command = _binary.find()
        text = SHORTENED.format(python=sys.executable, instead=instead, command=command)
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("VOICELT", str(program))

    return shorten


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with audio where such programs look for it."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    _binary.run("run", "--create-test-audio", "--audio-dir", "./test_audio")
    return place


def test_the_program_runs_word_for_word_but_for_its_import_line(
    gateway: str, here: Path, shortened: Shortened, capsys: pytest.CaptureFixture[str]
) -> None:
    shortened(gateway)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "LoadTestRunner" in block]
    exec(code, {"__name__": "__main__"})
    out, err = capsys.readouterr()
    report = json.loads((here / "report.json").read_text())
    p95 = report["latency"]["e2e"]["p95"]
    assert out == f"Success rate: 100.0%\nP95 latency: {p95 * 1000:.0f}ms\n"
    assert "results: runs/run-" in err
    assert report["summary"]["total_requests"] > 0
    # The settings that the program gave, not those that its command had in this test.
    assert report["config"] == {
        "target_url": "localhost:50051",
        "use_ssl": False,
        "audio_dir": "./test_audio",
        "sample_rate": 16_000,
        "language_code": "en-US",
        "max_users": 25,
        "ramp_up_time": 30,
        "hold_time": 120,
        "ramp_down_time": 5.0,
        "requests_per_user": 0,
        "think_time": 2.0,
        "request_timeout": 60.0,
        "total_duration": 155.0,
        "chunk_size": 4_096,
        "chunk_delay": 0.01,
        "scenario": None,
        "output_file": None,
        "csv_file": None,
        "live_stats_interval": 5.0,
        "verbose": False,
        "debug": False,
    }


def test_the_defaults_are_those_of_the_original() -> None:
    flags = LoadTestConfig().arguments()
    told = {flag: flags[flags.index(flag) + 1] for flag in flags if flag.startswith("--")}
    assert told == {
        "--target": "localhost:50051",
        "--audio": "./test_audio",
        "--users": "10",
        "--ramp-up": "10000000000ns",
        "--duration": "60000000000ns",
        "--ramp-down": "5000000000ns",
        "--think-time": "1000000000ns",
        "--requests-per-user": "0",
        "--timeout": "60000000000ns",
        "--language": "en-US",
        "--live-interval": "5s",
        "--pace": "original",
    }
    assert LoadTestConfig().total_duration == 75.0
    assert LoadTestConfig.from_scenario(TestScenario.LIGHT).audio_dir == "./test_audio"


def test_a_report_is_read_as_those_of_the_original_were(gateway: str, here: Path) -> None:
    config = LoadTestConfig(gateway, **SHORT, use_ssl=False, csv_file="all.csv")
    runner = LoadTestRunner(config, quiet=True)
    collector = asyncio.run(runner.run())
    assert runner.collector is collector
    report = collector.generate_report()
    summary = report["summary"]
    # In local time, without a zone, and at the end.
    ended = datetime.fromisoformat(summary["timestamp"])
    assert ended.tzinfo is None
    assert abs(datetime.now() - ended) < timedelta(minutes=5)
    counts = ("successful_requests", "failed_requests", "timeout_requests")
    assert sum(summary[name] for name in counts) == summary["total_requests"] > 0
    assert report["errors"] == []
    e2e = report["latency"]["e2e"]
    order = ["min", "median", "p90", "p95", "p99", "max"]
    assert [e2e[name] for name in order] == sorted(e2e[name] for name in order)
    assert e2e["count"] == summary["successful_requests"]
    config_told = report["config"]
    assert config_told["target_url"] == gateway
    assert (config_told["use_ssl"], config_told["audio_dir"]) == (False, "./test_audio")
    assert config_told["requests_per_user"] == 0
    assert config_told["total_duration"] == pytest.approx(2.4)
    collector.save_raw_results("raw.json")
    raw = json.loads(Path("raw.json").read_text())
    for user in {record["worker_id"] for record in raw}:
        numbers = [record["request_id"] for record in raw if record["worker_id"] == user]
        assert numbers == list(range(len(numbers)))
    assert len(Path("all.csv").read_text().splitlines()) == 1 + len(raw)


def test_a_report_with_settings_and_without(demo: Path, here: Path) -> None:
    config = LoadTestConfig("embedded", demo, **SHORT)
    collector = asyncio.run(LoadTestRunner(config, quiet=True).run())
    ours = collector.generate_report()
    assert ours["config"]["max_users"] == 2
    assert collector.generate_report({}) == collector.generate_report(None) == ours
    told = config.to_dict()
    assert told["audio_dir"] == str(demo)
    assert collector.generate_report(told) == ours | {"config": told}
    assert collector.generate_report(config) == collector.generate_report(told)
    collector.save_report("with.json", config.to_dict())
    collector.save_report("without.json")
    collector.save_report("odd.json", {"where": demo, "when": datetime(2026, 1, 1)})
    read = {name: json.loads(Path(f"{name}.json").read_text()) for name in ("with", "without")}
    assert read == {"with": ours | {"config": told}, "without": ours}
    assert json.loads(Path("odd.json").read_text())["config"]["where"] == str(demo)


def test_what_cannot_be_written_afterwards_loses_nothing(demo: Path, here: Path) -> None:
    config = LoadTestConfig("embedded", demo, **SHORT | {"hold_time": 0.5})
    runner = LoadTestRunner(config, quiet=True)
    asyncio.run(runner.run())
    with pytest.raises(OSError, match="No such file") as raised:
        runner.collector.save_report("no/such/report.json")
    assert raised.value.__notes__ == [
        f"nothing is lost: the results are in {runner.collector.run_dir}"
    ]
    runner.collector.save_report("report.json")
    assert runner.collector.load().requests.height > 0


@pytest.mark.parametrize("field", ["output_file", "csv_file"])
@pytest.mark.parametrize("place", ["no/such/file", "."])
def test_files_that_cannot_be_written_are_refused_before_the_test(
    field: str, place: str, demo: Path, here: Path
) -> None:
    config = LoadTestConfig("embedded", demo, hold_time=600.0)
    setattr(config, field, place)
    with pytest.raises((ValueError, voicelt.BadInput), match="cannot be written"):
        asyncio.run(LoadTestRunner(config, quiet=True).run())
    assert not Path("runs").exists()


def test_a_test_is_one_call(gateway: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config: dict[str, Any] = {
        **SHORT,
        **{"target_url": gateway, "output_file": "report.json", "verbose": True},
    }
    collector = asyncio.run(run_load_test(TestScenario.BASELINE, **config, requests_per_user=1))
    assert isinstance(collector, voicelt.ResultsCollector)
    report = json.loads(Path("report.json").read_text())
    assert report["config"]["scenario"] == "baseline"
    assert report["summary"]["total_requests"] == 2
    capfd.readouterr()
    collector.print_summary()
    out, _ = capfd.readouterr()
    assert "requests    2 (100.0% success): 2 successful, 0 failed, 0 timed out" in out
    assert "e2e         p50 " in out
    assert f"results     {collector.run_dir}" in out


def test_live_figures_grow_while_the_test_goes_on(demo: Path, here: Path) -> None:
    config = LoadTestConfig("embedded", demo, **SHORT | {"hold_time": 600.0})
    runner = LoadTestRunner(config, quiet=True)
    assert runner.collector.get_live_stats()["total_requests"] == 0
    assert runner.collector.generate_report()["status"] == "no_data"

    async def look_until_some_have_ended() -> dict[str, Any]:
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(60):
            while not (stats := runner.collector.get_live_stats())["total_requests"]:
                assert not task.done()
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return stats

    live = asyncio.run(look_until_some_have_ended())
    assert live["success_rate"] == 1
    assert live["success_count"] == live["total_requests"]
    assert 0 < live["avg_e2e_latency"] < 60
    assert live["requests_per_second"] == live["total_requests"] / live["elapsed_seconds"]
    # What a cancelled test has is there, too.
    after = runner.collector.get_live_stats()
    summary = runner.collector.generate_report()["summary"]
    assert runner.collector.exit_code == 130
    assert after["total_requests"] == summary["total_requests"] >= live["total_requests"]
    assert after["elapsed_seconds"] == summary["total_duration_seconds"]


def test_errors_are_a_list_of_messages_and_counts(demo: Path, here: Path) -> None:
    command = [_binary.find(), "gateway", "--listen", "127.0.0.1:0", "--error-rate", "1"]

    async def run() -> voicelt.LoadTestCollector:
        gateway = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        try:
            assert gateway.stderr is not None
            line = (await gateway.stderr.readline()).decode()
            address = line.removeprefix("listening on ").strip()
            config = LoadTestConfig(address, demo, **SHORT)
            return await LoadTestRunner(config, quiet=True).run()
        finally:
            gateway.terminate()
            await gateway.wait()

    collector = asyncio.run(run())
    report = collector.generate_report()
    assert report["summary"]["success_rate"] == 0
    assert report["latency"] == {}
    assert report["errors"]
    assert {frozenset(error) for error in report["errors"]} == {frozenset({"message", "count"})}
    counts = [error["count"] for error in report["errors"]]
    assert sum(counts) == report["summary"]["failed_requests"] == sum(report["errors_all"].values())
    stats = collector.get_live_stats()
    assert (stats["error_count"], stats["avg_e2e_latency"]) == (sum(counts), 0.0)
    collector.print_summary()


def test_tls_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def target(url: str, use_ssl: bool) -> str:
        flags = LoadTestConfig(url, use_ssl=use_ssl).arguments()
        return flags[flags.index("--target") + 1]

    assert target("gateway:443", True) == "https://gateway:443"
    assert target("https://gateway", True) == target("https://gateway", False) == "https://gateway"
    assert target("gateway:443", False) == "gateway:443"


def test_what_is_said_while_a_test_goes_on() -> None:
    def words(config: LoadTestConfig) -> list[str]:
        return [*config.arguments(), *LoadTestRunner(config)._verbosity()]

    assert words(LoadTestConfig(verbose=True))[-1] == "--verbose"
    assert words(LoadTestConfig(debug=True, verbose=True))[-1] == "--debug"
    interval = words(LoadTestConfig(live_stats_interval=0.4))
    assert interval[interval.index("--live-interval") + 1] == "1s"
    quiet = LoadTestRunner(LoadTestConfig(verbose=True), quiet=True)
    assert quiet._verbosity() == ["--quiet"]


def test_two_tests_at_a_time_have_folders_of_their_own(demo: Path, here: Path) -> None:
    config = LoadTestConfig("embedded", demo, **SHORT, requests_per_user=1)

    async def both() -> list[voicelt.LoadTestCollector]:
        runners = [LoadTestRunner(config, quiet=True) for _ in range(2)]
        return await asyncio.gather(*(runner.run() for runner in runners))

    folders = {collector.run_dir for collector in asyncio.run(both())}
    assert len(folders) == 2
    assert set(os.listdir("runs")) == {folder.name for folder in folders if folder} | {"latest"}
