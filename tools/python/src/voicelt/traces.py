"""Trace bundles as polars frames."""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from voicelt import _folder
from voicelt.errors import NotReadable


@dataclass(frozen=True)
class Trace:
    """A trace; the tables are as on disk, instants being nanoseconds since its start."""

    path: Path
    """The bundle."""
    manifest: dict[str, Any]
    """What `trace.json` says."""
    sessions: pl.DataFrame
    """A row for each call, by its start."""
    turns: pl.DataFrame
    """A row for each utterance."""
    events: pl.DataFrame
    """A row for each run of client messages."""
    clips: pl.DataFrame
    """A row for each clip."""
    sources: pl.DataFrame | None
    """A row for each source file, of prepared traces."""
    replies: pl.DataFrame | None
    """A row for each message of the gateway, of recorded traces."""

    def __repr__(self) -> str:
        """In a line: the manifest and the tables would fill the screen."""
        return (
            f"Trace(name={self.manifest.get('name')!r}, sessions={self.sessions.height}, "
            f"turns={self.turns.height}, clips={self.clips.height}, path={str(self.path)!r})"
        )

    def concurrency(self) -> pl.DataFrame:
        """How many sessions are planned to be open: a row for each instant at which the number
        changes, with `at_ns` and `sessions`, the number from then on.

        A session is open from its start to the end of the last thing that its caller sends.
        """
        last_ns = pl.col("at_ns") + pl.col("interval_ns") * pl.col("count").cast(pl.Int64)
        ends = self.events.group_by("session").agg(at_ns=last_ns.max())
        changes = pl.concat(
            [
                self.sessions.select(at_ns="start_ns", change=pl.lit(1)),
                ends.select("at_ns", change=pl.lit(-1)),
            ]
        )
        summed = changes.group_by("at_ns").agg(pl.col("change").sum()).sort("at_ns")
        return summed.filter(pl.col("change") != 0).select(
            "at_ns", sessions=pl.col("change").cum_sum().cast(pl.Int64)
        )

    def pcm(self, clip: int) -> bytes:
        """The audio of a clip: 16-bit little-endian samples, mono, at its `sample_rate_hz`.

        Raises `NotReadable` for a clip of which only the timing was kept.
        """
        row = self.clips.filter(pl.col("clip") == clip)
        if row.is_empty():
            raise ValueError(f"{self.path} has no clip {clip}; they are numbered in `clips`")
        file = row["file"][0]
        if file is None:
            raise NotReadable(
                f"clip {clip} of {self.path} has no audio: only its timing was kept, "
                "and a replay makes up speech of its length"
            )
        try:
            with wave.open(str(self.path / file), "rb") as audio:
                return audio.readframes(audio.getnframes())
        except (OSError, EOFError, wave.Error) as error:
            raise NotReadable(f"{self.path / file} cannot be read: {error}") from error


def read_trace(path: str | Path) -> Trace:
    """Reads a trace bundle.

    Raises `NotReadable` where there is none, one of a newer version, a damaged one, or a run. It
    is not checked otherwise: that is what `voicelt trace check` is for.
    """
    bundle = Path(path)
    said = _folder.manifest(
        bundle / "trace.json", "trace", "give a bundle, such as `voicelt prepare` makes"
    )

    def table(name: str) -> pl.DataFrame:
        file = bundle / f"{name}.parquet"
        try:
            return pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise NotReadable(f"{file} cannot be read: {error}") from error

    def table_if_there(name: str) -> pl.DataFrame | None:
        return table(name) if (bundle / f"{name}.parquet").exists() else None

    return Trace(
        path=bundle,
        manifest=said,
        sessions=table("sessions"),
        turns=table("turns"),
        events=table("events"),
        clips=table("clips"),
        sources=table_if_there("sources"),
        replies=table_if_there("replies"),
    )
