#!/usr/bin/env python3
"""Opens every Parquet file of a trace bundle and of a run made from it, with DuckDB and polars.

    tools/ci/open_tables.py TRACE.vtrace RUNDIR

Both must read every column of every file with the same number of rows and the same types; numbers
of rows must agree with trace.json and run.json, every turn of the trace must have a request that
ended `ok`, and sums must be the same in both tools. Fails with a sentence that says what is wrong.

Needs the packages of requirements.txt beside it (pytz: DuckDB wants it for instants).
"""

import json
import sys
from pathlib import Path

import duckdb
import polars

BUNDLE = ["clips", "events", "sessions", "sources", "turns"]
RUN = ["clips", "requests", "sessions", "timeline"]

# The same type in DuckDB and in polars.
TYPES = {
    "VARCHAR": polars.String,
    "BOOLEAN": polars.Boolean,
    "DOUBLE": polars.Float64,
    "BIGINT": polars.Int64,
    "UINTEGER": polars.UInt32,
    "UBIGINT": polars.UInt64,
    "TIMESTAMPTZ_NS": polars.Datetime("ns", "UTC"),
}


def require(condition, message):
    if not condition:
        sys.exit(f"open_tables: {message}")


def open_table(path):
    """The table, read with both tools and compared."""
    frame = polars.read_parquet(path)
    relation = duckdb.read_parquet(str(path))
    require(relation.columns == frame.columns, f"{path}: the tools see different columns")
    for name, duck, pole in zip(relation.columns, relation.types, frame.dtypes):
        require(str(duck) in TYPES, f"{path}: `{name}` is {duck} in DuckDB, which nothing here uses")
        require(TYPES[str(duck)] == pole, f"{path}: `{name}` is {duck} in DuckDB, {pole} in polars")
        if name.endswith("_ns"):
            require(pole == polars.Int64, f"{path}: `{name}` is {pole}, not 64-bit nanoseconds")
        if name.endswith("_at"):
            require(pole == polars.Datetime("ns", "UTC"), f"{path}: `{name}` is {pole}, not UTC")

    rows = relation.fetchall()
    require(len(rows) == frame.height, f"{path}: {len(rows)} rows in DuckDB, {frame.height} in polars")
    for index, (name, pole) in enumerate(zip(frame.columns, frame.dtypes)):
        values = [row[index] for row in rows]
        absent = sum(value is None for value in values)
        require(absent == frame[name].null_count(), f"{path}: the tools count other nulls in `{name}`")
        if pole.is_integer():
            total = sum(value for value in values if value is not None)
            require(total == frame[name].cast(polars.Int128).sum(), f"{path}: sums of `{name}` differ")
        if pole == polars.Datetime("ns", "UTC"):
            instants = relation.select(f'epoch_ns("{name}")').fetchall()
            same = [instant for (instant,) in instants] == frame[name].dt.epoch("ns").to_list()
            require(same, f"{path}: the tools read other instants in `{name}`")
    print(f"{path}: {frame.height} rows, {frame.width} columns")
    return frame


def open_folder(folder, expected):
    paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    for name in expected:
        require(name in paths, f"{folder} holds no {name}.parquet")
    for name in paths:
        require(name in [*expected, "messages", "server"], f"{paths[name]} is not a table of the format")
    return {name: open_table(path) for name, path in paths.items()}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    trace_dir, run_dir = Path(sys.argv[1]), Path(sys.argv[2])
    trace = json.loads((trace_dir / "trace.json").read_text())
    run = json.loads((run_dir / "run.json").read_text())
    bundle, results = open_folder(trace_dir, BUNDLE), open_folder(run_dir, RUN)

    for name in ["sessions", "events"]:
        counted, stated = bundle[name].height, trace[name]
        require(counted == stated, f"{counted} {name} in the tables, {stated} in trace.json")
    require(run["exit_reason"] == "finished", f"the run ended as {run['exit_reason']}")
    require(run["trace"]["content_blake3"] == trace["content_blake3"], "a run of another trace")

    turns = bundle["turns"].join(bundle["sessions"].select("session", "session_id"), on="session")
    requests = results["requests"]
    require(requests.height == turns.height, f"{requests.height} requests, {turns.height} turns")
    paired = turns.join(requests, on=["session_id", "turn"])
    require(paired.height == turns.height, "some turns have no request")
    failed = requests.filter(polars.col("status") != "ok")
    require(failed.is_empty(), f"not ok: {failed.select('session_id', 'turn', 'status', 'error')}")
    speech = requests.filter(polars.col("intended_end_of_speech_ns").is_not_null())
    require(speech["response_ns"].null_count() == 0, "an answered request has no response time")

    sessions = results["sessions"]
    require(sessions.height == bundle["sessions"].height, f"{sessions.height} sessions of the run")
    ids = set(bundle["sessions"]["session_id"])
    require(set(sessions["session_id"]) == ids, "some sessions of the trace have no row in the run")
    failed = sessions.filter(polars.col("end") != "finished")
    require(failed.is_empty(), f"not finished: {failed.select('session_id', 'end', 'error')}")
    answered = sessions["turns_answered"].sum()
    require(answered == requests["first_audio_ns"].count(), f"{answered} turns answered in sessions")

    # Both clocks of a row tell the same instant.
    epoch_ns = run["epoch"]["realtime_ns"]
    for table, name in [(requests, "intended_start"), (sessions, "planned_start")]:
        wall_ns = table[f"{name}_at"].dt.epoch("ns") - epoch_ns
        require((wall_ns == table[f"{name}_ns"]).all(), f"{name}_at is another instant")
    print(f"{requests.height} requests, one for each turn, all ok")


main()
