"""The programmatic interface of `load_test.py`, with `voicelt run` behind it."""

import asyncio
import contextlib
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from voicelt import _binary
from voicelt.collector import LoadTestCollector
from voicelt.config import LoadTestConfig, Settings, TestScenario
from voicelt.errors import command_failed

# Exit codes of runs that have results: success, not to be trusted, a check not met, and stopped.
_WITH_RESULTS = (0, 4, 99, 130, 143)
_READ_BYTES = 65_536


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
        self.collector = LoadTestCollector()
        """What `run` returns; live figures are there while it runs, and what there is of a test
        that was cancelled or failed."""

    async def run(self) -> LoadTestCollector:
        """Runs the load test to its end.

        When it is cancelled, the command stops arrivals, gives calls under way five seconds to end,
        and writes what there is to the run directory, before `asyncio.CancelledError` goes on.

        Raises `ValueError` for settings that cannot be, `BadInput`, `TargetUnreachable` or another
        `CommandFailed` with what the command said. A gateway that fails is no error: that is in
        the report.
        """
        settings, program = self.config.arguments(), _binary.find()
        output_file = self.config.output_file
        if output_file is not None:
            _check_writable(Path(output_file), "output_file")
        with tempfile.TemporaryDirectory() as place, self._place() as run_dir:
            report, raw = Path(place) / "report.json", Path(place) / "raw.json"
            command = [
                *[program, "run", *settings, *self._verbosity()],
                *["--json", str(report), "--raw-json", str(raw), "--run-dir", str(run_dir)],
            ]
            self.collector._begin(run_dir)
            try:
                exit_code, said = await self._run(command)
            finally:
                self.collector._fill(report, raw)
            if exit_code not in _WITH_RESULTS or not report.exists():
                failed = command_failed(command, exit_code, said)
                if (run_dir / "run.json").exists():
                    failed.add_note(f"what was done is in {run_dir}: voicelt report {run_dir}")
                raise failed
        if output_file is not None:
            self.collector.save_report(output_file, self.config)
        return self.collector

    def _verbosity(self) -> list[str]:
        if self.quiet:
            return ["--quiet"]
        if self.config.debug:
            return ["--debug"]
        return ["--verbose"] if self.config.verbose else []

    @contextlib.contextmanager
    def _place(self) -> Iterator[Path]:
        """The run directory: a new one in `runs/`, known before the command begins, if it is not
        given. It goes away where nothing came of it."""
        if self.run_dir is not None:
            yield self.run_dir
            return
        name = "run" if self.config.scenario is None else self.config.scenario.value
        base = Path("runs", f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
        is_first = not base.parent.exists()
        for number in itertools.count(1):
            run_dir = base if number == 1 else base.with_name(f"{base.name}-{number}")
            with contextlib.suppress(FileExistsError):
                run_dir.mkdir(parents=True)
                break
        try:
            yield run_dir
        finally:
            # Folders with something in them stay.
            with contextlib.suppress(OSError):
                run_dir.rmdir()
                if is_first:
                    base.parent.rmdir()

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
            self.collector.exit_code = process.returncode

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


def _check_writable(path: Path, name: str) -> None:
    """Raises `ValueError` for a file that could not be written when the test has ended."""
    try:
        if not path.exists():
            path.touch()
            path.unlink()
        elif path.is_dir() or path.is_file():
            with path.open("ab"):
                pass
    except OSError as error:
        raise ValueError(f"{name} is {path}, which cannot be written: {error.strerror}") from None


async def run_load_test(
    scenario: TestScenario = TestScenario.BASELINE,
    target_url: str = "localhost:50051",
    audio_dir: str | Path = "./test_audio",
    **overrides: Unpack[Settings],
) -> LoadTestCollector:
    """Runs a scenario, with `overrides` in place of its settings; with an `output_file` among them
    the report is written to it. Raises what `LoadTestRunner.run` does."""
    config = LoadTestConfig.from_scenario(scenario, target_url, audio_dir, **overrides)
    return await LoadTestRunner(config).run()
