"""What the columns of runs and traces are to `same_rows.py`, and how two tables are compared."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

# Faults that are shown of a table.
MOST_SHOWN = 5
KINDS = ["same", "planned", "time", "not compared"]


def fail(what: str) -> None:
    sys.exit(f"same_rows.py: {what}")


@dataclass
class Columns:
    """What is compared of a table."""

    # Equal in both.
    same: list[str]
    # Name a row. Without them rows are numbered in the order of the file, in each of `group`.
    key: list[str] = field(default_factory=list)
    group: str | None = None
    # Instants of the plan, equal from the first utterance on.
    planned: list[str] = field(default_factory=list)
    # Equal unless callers wait for answers: silence is counted, which they send meanwhile.
    silent: list[str] = field(default_factory=list)
    # Equal unless there are users, whose requests move against each other.
    drifting: list[str] = field(default_factory=list)
    # Of the run alone, or of the machine.
    ignored: list[str] = field(default_factory=list)


RUN = {
    "requests": Columns(
        key=["session_id", "copy", "turn"],
        same=[
            *("wire_session_id", "user", "clip_id", "language_code", "peer", "replica"),
            *("speech_samples", "clip_samples", "chunks_planned", "chunks_sent", "bytes_sent"),
            *("messages_received", "audio_received_samples", "llm_chars", "answers"),
            *("owner_uncertain", "underruns", "sentence_gaps", "audio_after_barge_in_samples"),
            *("early_endpoint", "overlapped", "status", "dialect", "grpc_code", "http_status"),
            *("close_code", "error", "transcript", "response_text"),
            *("recorded_response_ns", "recorded_asr_ns", "recorded_e2e_ns", "recorded_total_ns"),
        ],
        planned=["intended_start_ns", "intended_end_of_speech_ns"],
        drifting=["connection", "phase", "concurrent_sessions", "awaiting_answer"],
        ignored=["run_id", "trace_id"],
    ),
    "messages": Columns(
        key=["session_id", "copy", "direction", "seq"],
        same=["turn", "kind", "bytes"],
        planned=["intended_ns"],
    ),
    "sessions": Columns(
        key=["session_id", "copy"],
        same=[
            *("wire_session_id", "user", "peer", "replica", "end", "grpc_code", "http_status"),
            *("close_code", "error", "turns_planned", "turns_answered"),
        ],
        planned=["planned_start_ns"],
        drifting=["connection"],
        ignored=["run_id", "trace_id"],
    ),
    "timeline": Columns(
        same=["users", "offered_starts", "achieved_starts", "errors"],
        silent=["offered_chunks", "achieved_chunks"],
        ignored=[
            *("second_ns", "active_sessions", "late_chunks"),
            *("lag_p50_ns", "lag_p99_ns", "lag_max_ns"),
            *("cpu_percent", "steal_percent", "rss_bytes", "open_fds"),
        ],
    ),
    "clips": Columns(
        key=["clip"],
        same=[
            *("clip_id", "file", "sample_rate_hz", "samples", "speech_start_samples"),
            *("speech_end_samples", "speech_method", "peak_dbfs", "rms_dbfs", "source_path"),
            "transcript",
        ],
    ),
}
TRACE = {
    "clips": RUN["clips"],
    "sessions": Columns(
        key=["session_id"],
        same=[
            *("language_code", "sample_rate_hz", "microphone", "turns", "recorded_status"),
            "metadata",
        ],
        drifting=["session"],
    ),
    "turns": Columns(key=["session", "turn"], same=["clip"]),
    "events": Columns(
        group="session",
        same=["turn", "kind", "clip", "offset_bytes", "chunk_bytes", "count", "text"],
    ),
    "replies": Columns(group="session", same=["turn", "kind", "bytes", "text"]),
}


@dataclass
class Made:
    """A run or a trace, and what its callers do."""

    place: Path
    # What was called.
    target: str = ""
    # Callers wait for answers.
    waits: bool = False
    # They are users of a closed loop.
    users: bool = False

    def tables(self) -> set[str]:
        return {path.stem for path in self.place.glob("*.parquet")}

    def read(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self.place / f"{table}.parquet")

    @property
    def is_run(self) -> bool:
        return (self.place / "run.json").exists()

    def late_ms(self) -> float:
        """How late a chunk of the run left at most."""
        return self.read("requests")["lag_max_ns"].max() / 1e6

    def columns(self, table: str) -> Columns:
        of = (RUN if self.is_run else TRACE).get(table)
        if of is None:
            kind, name = ("run", "RUN") if self.is_run else ("trace", "TRACE")
            fail(f"{kind}s have a table `{table}` that {name} in rows.py does not list")
        assert of is not None
        return of

    def kind(self, table: str, name: str) -> str:
        """What the column is: one of KINDS."""
        of = self.columns(table)
        if name in of.ignored:
            return "not compared"
        if name in of.planned:
            return "time" if self.waits else "planned"
        if name in of.silent:
            return "not compared" if self.waits else "same"
        if name in of.drifting:
            return "not compared" if self.users else "same"
        if name in of.same or name in of.key or name == of.group:
            return "same"
        if not name.endswith(("_ns", "_at")):
            fail(f"`{table}` has a column `{name}` of which rows.py does not say what it is")
        return "time"


# --- Tables in the form in which they are compared ------------------------------------------------


def comparable(made: Made, table: str) -> pl.DataFrame:
    rows = made.read(table)
    if table == "timeline":
        return totals(rows)
    if made.is_run:
        rows = without_the_run(made, table, rows)
    elif table != "sessions" and "session" in rows.columns:
        rows = with_session_ids(made, rows)
    if made.waits and "kind" in rows.columns:
        rows = without_fill(rows)
    return rows


def totals(timeline: pl.DataFrame) -> pl.DataFrame:
    """The timeline as one row: sums, the most users, and how often each error came."""
    errors: Counter[str] = Counter()
    for said in timeline["errors"]:
        for part in filter(None, said.split(",")):
            code, _, count = part.partition("=")
            errors[code] += int(count)
    said = ",".join(f"{code}={count}" for code, count in sorted(errors.items()))
    sums = timeline.select(pl.exclude("errors", "users").sum())
    return sums.with_columns(users=pl.lit(timeline["users"].max()), errors=pl.lit(said))


def without_the_run(made: Made, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Names without what is this run's, and the plan from its first utterance on."""
    if "wire_session_id" in rows.columns:
        run_id = json.loads((made.place / "run.json").read_text())["run_id"]
        rows = rows.with_columns(pl.col("wire_session_id").str.strip_prefix(run_id[:8]))
    if "peer" in rows.columns:
        rows = rows.with_columns(pl.col("peer").replace(made.target, "the target"))
    first = made.read("requests")["intended_start_ns"].min()
    return rows.with_columns(
        pl.col(name) - first for name in made.columns(table).planned if name in rows.columns
    )


def with_session_ids(trace: Made, rows: pl.DataFrame) -> pl.DataFrame:
    """Sessions by their names, since they are numbered in the order in which they started."""
    sessions = trace.read("sessions")
    names = pl.col("session").replace_strict(sessions["session"], sessions["session_id"])
    return rows.with_columns(names.alias("session"))


def without_fill(rows: pl.DataFrame) -> pl.DataFrame:
    """Messages or events without silence, and numbered without it."""
    rows = rows.filter(pl.col("kind") != "fill")
    if "seq" in rows.columns:
        number = pl.col("seq").rank("ordinal").over("session_id", "copy", "direction")
        rows = rows.with_columns(number.alias("seq"))
    return rows


# --- Comparing ------------------------------------------------------------------------------------

Row = dict[str, object]


@dataclass
class Compared:
    """What was found of one table."""

    part: str
    table: str
    rows: tuple[int, int]
    # How many columns there are of each of KINDS.
    kinds: Counter[str]
    # Columns that one has alone.
    alone: list[str]
    # A sentence for each row that differs.
    faults: list[str]

    HEAD = [
        *("part", "table", "rows before", "rows after", *KINDS),
        *("columns of one alone", "rows that differ"),
    ]

    @property
    def cells(self) -> list[object]:
        kinds = [self.kinds[kind] for kind in KINDS]
        return [self.part, self.table, *self.rows, *kinds, *self.last]

    @property
    def last(self) -> list[object]:
        return [", ".join(self.alone), len(self.faults)]

    @property
    def shown(self) -> list[str]:
        """The first faults, and how many more there are."""
        more = len(self.faults) - MOST_SHOWN
        rest = [f"{self.part}, {self.table}: {more} more rows differ"] if more > 0 else []
        return [*self.faults[:MOST_SHOWN], *rest]


def compare(part: str, table: str, before: Made, after: Made) -> Compared:
    """Compares a table that both have."""
    ones, twos = comparable(before, table), comparable(after, table)
    kinds = {name: before.kind(table, name) for name in ones.columns if name in twos.columns}
    alone = [f"{name} (before)" for name in ones.columns if name not in kinds]
    alone += [f"{name} (after)" for name in twos.columns if name not in kinds]
    of = before.columns(table)
    first, second = named(ones, of, kinds), named(twos, of, kinds)
    faults = []
    for name in [*first, *(name for name in second if name not in first)]:
        if (apart := differences(first.get(name), second.get(name))) is not None:
            faults.append(f"{part}, {table}, {name}: {apart}")
    rows = (ones.height, twos.height)
    return Compared(part, table, rows, Counter(kinds.values()), alone, faults)


def named(rows: pl.DataFrame, of: Columns, kinds: dict[str, str]) -> dict[str, Row]:
    """Of each row, by what it is called, what is compared."""
    found: dict[str, Row] = {}
    numbers: Counter[object] = Counter()
    for row in rows.iter_rows(named=True):
        named_by = of.key or ([of.group] if of.group else [])
        name = " ".join(f"{column} {row[column]}" for column in named_by)
        if not of.key:
            name = f"{name} row {numbers[name]}".strip()
            numbers[name.rpartition(" row ")[0]] += 1
        if name in found:
            fail(f"two rows are {name}")
        found[name] = {
            column: "a value" if kind == "time" and row[column] is not None else row[column]
            for column, kind in kinds.items()
            if kind != "not compared"
        }
    return found


def differences(one: Row | None, two: Row | None) -> str | None:
    """What differs, if anything does."""
    if one is None:
        return "only after"
    if two is None:
        return "only before"
    names = [name for name in one if one[name] != two[name]]
    said = "; ".join(f"{name} {one[name]!r} before, {two[name]!r} after" for name in names)
    return said or None
