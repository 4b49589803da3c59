"""The rows of sessions: which there are."""

from typing import Any

import polars as pl

from voicelt._tables import Table

_SESSION = ("session_id", "copy")


def every_session(sessions: Table, started: Table, manifest: dict[str, Any]) -> pl.DataFrame | None:
    """One row for every session that was started: those of `sessions`, and of a run that did not
    finish those of `started` that have none, which ended `interrupted`. None of a run of a version
    that did not write them."""
    rows = sessions.frame
    if not sessions.finished:
        # A killed run may have a part twice over: of two rows of a session the first counts.
        if rows is not None:
            rows = rows.unique(subset=_SESSION, keep="first", maintain_order=True)
        under_way = _under_way(started.frame, manifest)
        if rows is not None and under_way is not None:
            under_way = under_way.join(rows, on=_SESSION, how="anti")
        frames = [frame for frame in (rows, under_way) if frame is not None]
        rows = pl.concat(frames, how="diagonal") if frames else None
    return None if rows is None else rows.sort("planned_start_ns", "copy", "session_id")


def _under_way(started: pl.DataFrame | None, manifest: dict[str, Any]) -> pl.DataFrame | None:
    """The sessions of the turns that started; None where their planned start is not known."""
    if started is None or "planned_start_ns" not in started.columns:
        return None
    first = started.sort("started_ns").unique(subset=_SESSION, keep="first", maintain_order=True)
    return first.select(
        *_SESSION,
        "user",
        "planned_start_ns",
        "started_ns",
        run_id=pl.lit(manifest["run_id"]),
        end=pl.lit("interrupted"),
    )
