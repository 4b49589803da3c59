"""The programmatic interface of `load_test.py`, with `voicelt run` behind it."""

import asyncio
import json
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicelt import _binary
from voicelt.config import LoadTestConfig
from voicelt.errors import command_failed
from voicelt.runs import Run, load_run

# Exit codes of runs that have results: well, not to be trusted, a check not met, and stopped.
_WITH_RESULTS = (0, 4, 99, 130, 143)
_READ_BYTES = 65_536


@dataclass(frozen=True)
class LoadTestCollector:
    """What came of a load test."""

    exit_code: int
    """0; 4: the load did not keep its schedule, so that figures are not to be trusted; 99: no
    request was answered; 130 or 143: stopped by a signal, and the results are of what was done."""
    run_dir: Path
    """The run directory, for `voicelt report` and `load_run`."""
    _report: dict[str, Any] = field(repr=False)
    _raw: str = field(repr=False)

    def generate_report(self) -> dict[str, Any]:
        """The report: `summary`, `latency`, `errors` and `config`, and more. DATA.md has every
        field."""
        return self._report

    def save_report(self, path: str | Path) -> None:
        """Writes the report to `path` as JSON."""
        text = json.dumps(self._report, indent=2, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    def save_raw_results(self, path: str | Path) -> None:
        """Writes an array with a record for each request to `path` as JSON."""
        Path(path).write_text(self._raw, encoding="utf-8")

    def load(self) -> Run:
        """The run, for polars."""
        return load_run(self.run_dir)


class LoadTestRunner:
    """Runs a load test: the command `voicelt run`, in a process of its own."""

    def __init__(
        self, config: LoadTestConfig, run_dir: str | Path | None = None, *, quiet: bool = False
    ) -> None:
        """A runner of `config`; results go to `run_dir`, by default a new folder in `runs/`.

        What the command says of its progress goes to standard error unless it is to be `quiet`.
        """
        self.config = config
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.quiet = quiet

    async def run(self) -> LoadTestCollector:
        """Runs the load test to its end.

        When it is cancelled, the command stops arrivals, gives calls under way five seconds to end,
        and writes what there is to the run directory, before `asyncio.CancelledError` goes on.

        Raises `ValueError` for settings that cannot be, `BadInput`, `TargetUnreachable` or another
        `CommandFailed` with what the command said. A gateway that fails is no error: that is in
        the report.
        """
        settings = self.config.arguments()
        with tempfile.TemporaryDirectory() as place:
            report, raw = Path(place) / "report.json", Path(place) / "raw.json"
            command = [
                *[_binary.find(), "run", *settings],
                *["--json", str(report), "--raw-json", str(raw)],
                *([] if self.run_dir is None else ["--run-dir", str(self.run_dir)]),
                *(["--quiet"] if self.quiet else []),
            ]
            exit_code, said = await self._run(command)
            if exit_code not in _WITH_RESULTS or not report.exists():
                raise command_failed(command, exit_code, said)
            said_of_run = json.loads(report.read_text(encoding="utf-8"))
            return LoadTestCollector(
                exit_code=exit_code,
                run_dir=self.run_dir or Path("runs", said_of_run["run"]["name"]),
                _report=said_of_run,
                _raw=raw.read_text(encoding="utf-8"),
            )

    async def _run(self, command: list[str]) -> tuple[int, str]:
        """The exit code of the command, and what it said on standard error."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C reaches it once, through us: from the terminal too it would be twice.
            start_new_session=True,
        )
        listening = asyncio.create_task(self._listen(process))
        try:
            return await process.wait(), await asyncio.shield(listening)
        except asyncio.CancelledError:
            # Once ends it with its results written; whoever cancels again ends it at once.
            _interrupt(process)
            await process.wait()
            raise
        finally:
            _interrupt(process)
            await listening

    async def _listen(self, process: asyncio.subprocess.Process) -> str:
        """What the command says until it ends, shown as it comes."""
        assert process.stderr is not None
        said = bytearray()
        while some := await process.stderr.read(_READ_BYTES):
            said += some
            if not self.quiet:
                sys.stderr.write(some.decode(errors="replace"))
                sys.stderr.flush()
        return said.decode(errors="replace")


def _interrupt(process: asyncio.subprocess.Process) -> None:
    """Lets the command end with its results written; nothing where it has ended."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
