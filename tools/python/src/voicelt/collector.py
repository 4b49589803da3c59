"""What came of a load test, and what is known of one that goes on."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from voicelt.config import LoadTestConfig
from voicelt.errors import VoiceltError
from voicelt.runs import Run, load_run

# Requests that the mean of `get_live_stats` is over, the last to end.
_RECENT = 100
# Errors that `print_summary` shows.
_SHOWN = 5


class LoadTestCollector:
    """What came of a load test. A runner has it from the beginning, and fills it at the end."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """None while the test has not ended. 0; 4: the load did not keep its schedule, so that
        figures are not to be trusted; 99: no request was answered; 130 or 143: stopped by a signal,
        and the results are of what was done."""
        self.run_dir: Path | None = None
        """The run directory, for `voicelt report` and `load_run`; None before the test begins."""
        self._report: dict[str, Any] | None = None
        self._raw = "[]\n"

    def generate_report(
        self, config: Mapping[str, Any] | LoadTestConfig | None = None
    ) -> dict[str, Any]:
        """The report: `summary`, `latency`, `errors` and `config`, and more. DATA.md has every
        field. A `config` takes the place of the settings as the command resolved them.

        Before the test has ended there are only `status` (`no_data`) and `message`.
        """
        if self._report is None:
            return {"status": "no_data", "message": "the load test has not ended"}
        if not config:
            return dict(self._report)
        settings = config.to_dict() if isinstance(config, LoadTestConfig) else dict(config)
        return self._report | {"config": settings}

    def save_report(
        self, path: str | Path, config: Mapping[str, Any] | LoadTestConfig | None = None
    ) -> None:
        """Writes the report to `path` as JSON, with `config` as in `generate_report`. What JSON has
        no notion of, such as a path, is written as text."""
        report = self.generate_report(config)
        self._write(path, json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n")

    def save_raw_results(self, path: str | Path) -> None:
        """Writes an array with a record for each request to `path` as JSON."""
        self._write(path, self._raw)

    def print_summary(self) -> None:
        """Prints the outcome in a few lines."""
        if self._report is None:
            print(self.generate_report()["message"])
            return
        summary, e2e = self._report["summary"], self._report["latency"].get("e2e")
        print(f"duration    {summary['total_duration_seconds']:.1f} s")
        print(
            f"requests    {summary['total_requests']} ({summary['success_rate']:.1%} success):",
            f"{summary['successful_requests']} successful, {summary['failed_requests']} failed,",
            f"{summary['timeout_requests']} timed out",
        )
        print(f"throughput  {summary['requests_per_second']:.2f} requests/s")
        if e2e is not None:
            levels = {"p50": "median", "p95": "p95", "p99": "p99", "max": "max"}
            shown = (f"{level} {e2e[name] * 1_000:.0f} ms" for level, name in levels.items())
            print(f"e2e         {', '.join(shown)}")
        for error in self._report["errors"][:_SHOWN]:
            print(f"error       {error['count']} x {error['message']}")
        print(f"results     {self.run_dir}")

    def get_live_stats(self) -> dict[str, Any]:
        """Figures of the requests that have ended by now, also while the test goes on: the command
        writes them down every few seconds. `avg_e2e_latency` is over the last 100, in seconds."""
        rows, elapsed = self._ended()
        total = rows.height
        successes = rows.filter("success") if total else rows
        recent = rows.sort("closed_s").tail(_RECENT).filter("success") if total else rows
        latency = recent["e2e_ms"].mean() if recent.height else None
        timeouts = rows.filter(status="timeout").height if total else 0
        return {
            "total_requests": total,
            "success_count": successes.height,
            "error_count": total - successes.height - timeouts,
            "timeout_count": timeouts,
            "success_rate": successes.height / total if total else 0.0,
            "elapsed_seconds": elapsed,
            "requests_per_second": total / elapsed if elapsed > 0 else 0.0,
            "avg_e2e_latency": latency / 1_000 if isinstance(latency, float) else 0.0,
        }

    def load(self) -> Run:
        """The run, for polars."""
        if self.run_dir is None:
            raise VoiceltError("the load test has not begun: run it first")
        return load_run(self.run_dir)

    def _ended(self) -> tuple[pl.DataFrame, float]:
        """The requests that have ended, and for how many seconds the run has gone on."""
        try:
            run = self.load()
        except VoiceltError:
            return pl.DataFrame(), 0.0
        if run.manifest["exit_reason"] != "running":
            summary = self.generate_report().get("summary", {})
            return run.requests, summary.get("total_duration_seconds", 0.0)
        begun = run.manifest["epoch"]["realtime_ns"] / 1e9
        return run.requests.filter(pl.col("status") != "interrupted"), time.time() - begun

    def _begin(self, run_dir: Path) -> None:
        """A test begins whose results will be in `run_dir`."""
        self.exit_code, self.run_dir = None, run_dir
        self._report, self._raw = None, "[]\n"

    def _fill(self, report: Path, raw: Path) -> None:
        """Takes in what the command has written."""
        if report.exists():
            self._report = json.loads(report.read_text(encoding="utf-8"))
        if raw.exists():
            self._raw = raw.read_text(encoding="utf-8")

    def _write(self, path: str | Path, text: str) -> None:
        try:
            Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            error.add_note(f"nothing is lost: the results are in {self.run_dir}")
            raise
