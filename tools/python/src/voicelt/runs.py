"""Run directories as polars frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from voicelt import _folder, _requests, _sessions, _tables
from voicelt._tables import Table
from voicelt.errors import NotReadable


@dataclass(frozen=True)
class Run:
    """A run, finished, killed, or still going on.

    `requests` has a row for every turn that started, with these columns beside those of
    `requests.parquet`:

    - `NAME_ms` for every `NAME_ns` that is a latency or a lag: milliseconds, floating point;
    - `intended_start_s`, `started_s`, `closed_s`: seconds since the run's epoch, floating point;
    - `answered`: an answer came: audio, or what else the server answers with;
    - `success`: the status is `ok` or `barged_in`; null for a request that is in flight
      (`interrupted`) or that we cancelled, which is neither a success nor an error;
    - `measured`: the headline figures of the report are over this request: it is of the steady
      phase, its clip has speech, the caller was neither cut off nor overlapped by the answer
      before, nor stopped by us while speaking, and the request is not in flight.

    A turn whose row is missing, since the run was killed or goes on, has status `interrupted` and
    little else; a session likewise, in `end`. Other tables are as on disk, and None where the run
    has none.
    """

    path: Path
    """The run directory."""
    manifest: dict[str, Any]
    """What `run.json` says."""
    requests: pl.DataFrame
    """A row for each turn, by intended start."""
    sessions: pl.DataFrame | None
    """A row for each session that was started, by planned start; None of a run of before."""
    timeline: pl.DataFrame | None
    """A row for each second."""
    clips: pl.DataFrame | None
    """A row for each clip."""
    messages: pl.DataFrame | None
    """A row for each message, of runs that were made with `--messages`."""
    server: pl.DataFrame | None
    """A row for each value of the servers' Prometheus, of runs made with `--prometheus`."""
    unreadable: tuple[str, ...]
    """A message for each part of a table that could not be read."""

    def __repr__(self) -> str:
        """In a line: the manifest and the tables would fill the screen."""
        return (
            f"Run(name={self.manifest.get('name')!r}, verdict={self.verdict!r}, "
            f"requests={self.requests.height}, path={str(self.path)!r})"
        )

    @property
    def verdict(self) -> str | None:
        """`valid`, `degraded` or `invalid`: whether the load kept its schedule; None for a run that
        did not end."""
        verdict = self.manifest.get("verdict")
        return None if verdict is None else str(verdict["level"])

    @property
    def reasons(self) -> list[str]:
        """Why the verdict is not `valid`, a sentence each."""
        verdict = self.manifest.get("verdict")
        return [] if verdict is None else list(verdict["reasons"])

    def quantile(self, latency: str, share: float) -> float | None:
        """A quantile of a latency over the measured requests, in milliseconds.

        `latency` is a latency of the report, such as `response`. It is the nearest rank: the value
        at rank ⌈share · n⌉. In `response` and `audible` a request without an answer counts as
        longer than every other (in `first_text` and `final` where the answer is text, or the
        transcript), in `total` one that was no success, and a quantile that falls among these is
        infinity; the rest are over the requests that have them.

        None where there are too few requests for it: one is enough up to the median and for the
        largest (`share` 1), 0.9 needs 36, 0.95 needs 72, and 0.99 needs 368. The report counts
        requests of one call, or of one user, as fewer than they are, so it may leave out more.
        """
        answers = _requests.answers_by(self.manifest)
        return _requests.quantile(self.requests, answers, latency, share)


def load_run(path: str | Path) -> Run:
    """Reads a run: its directory, its `run.json`, or `latest` for the newest finished one in
    `runs/`.

    Raises `NotReadable` where there is no run, one of a newer version, or a trace, and for a run of
    which a table is missing or cannot be read.
    """
    folder = Path("runs", "latest") if str(path) == "latest" else Path(path)
    if folder.name == "run.json":
        folder = folder.parent
    said = _folder.manifest(
        folder / "run.json",
        "run",
        "give a run directory, or `latest` for the newest one in runs/",
    )
    for name in _tables.missing(folder, said):
        raise NotReadable(f"{folder / name} is missing; restore it from a copy")
    # Starts before ends: a turn that ends in between is then known to have ended.
    started = Table.read(folder, "started")
    requests = Table.read(folder, "requests")
    sessions = Table.read(folder, "sessions")
    timeline = Table.read(folder, "timeline")
    messages = Table.read(folder, "messages")
    rows = _requests.every_turn(requests, started, said)
    tables = [requests, sessions, timeline, messages]
    if not requests.finished:
        tables.append(started)
    return Run(
        path=folder,
        manifest=said,
        requests=_requests.derive(rows, _requests.answers_by(said)),
        sessions=_sessions.every_session(sessions, started, said),
        timeline=timeline.sorted("second_ns"),
        clips=Table.read(folder, "clips").frame,
        messages=messages.frame,
        server=Table.read(folder, "server").frame,
        unreadable=tuple(message for table in tables for message in table.unreadable),
    )
