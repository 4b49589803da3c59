"""Edits the tables of a prepared bundle as users do, with DuckDB and with polars, and takes it through
seal, check and replay.

    edit_tables.py VOICELT TRACE
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars as pl


def edit_with_duckdb(bundle: Path) -> None:
    """Keeps every other session, numbered anew."""
    con = duckdb.connect()
    con.execute(f"create table s as select * from '{bundle}/sessions.parquet' where session % 2 = 0")
    con.execute("create table n as select session as old, row_number() over (order by start_ns, session) - 1 as new from s")
    for name in ("sessions", "turns", "events"):
        path = bundle / f"{name}.parquet"
        con.execute(
            f"create table {name} as select t.* replace (n.new::uinteger as session)"
            f" from read_parquet('{path}', file_row_number = true) t join n on n.old = t.session"
        )
        # Rows of one instant keep their order: a configuration comes before the chunk it is for.
        con.execute(
            f"copy (select * exclude (file_row_number) from {name}"
            f" order by session, file_row_number) to '{path}' (format parquet)"
        )


def edit_with_polars(bundle: Path) -> None:
    """Lets every session start, and do all that it does, half as late."""
    sessions = pl.read_parquet(bundle / "sessions.parquet")
    moves = sessions.select("session", move=pl.col("start_ns") // 2 - pl.col("start_ns"))
    for name, columns in {
        "sessions": ["start_ns"],
        "turns": ["at_ns", "end_ns", "speech_start_ns", "speech_end_ns"],
        "events": ["at_ns"],
    }.items():
        table = pl.read_parquet(bundle / f"{name}.parquet")
        moved = table.join(moves, on="session", how="left", maintain_order="left")
        moved = moved.with_columns(pl.col(column) + pl.col("move") for column in columns)
        moved.drop("move").write_parquet(bundle / f"{name}.parquet")


def main() -> None:
    voicelt, trace = sys.argv[1:]
    for edit in (edit_with_duckdb, edit_with_polars):
        with tempfile.TemporaryDirectory() as place:
            bundle = Path(place) / "edited.vtrace"
            shutil.copytree(trace, bundle)
            edit(bundle)

            def run(*command: str) -> subprocess.CompletedProcess[str]:
                return subprocess.run([voicelt, *command], capture_output=True, text=True)

            refused = run("trace", "check", str(bundle))
            if refused.returncode != 2 or "voicelt trace seal" not in refused.stderr:
                sys.exit(f"{edit.__name__}: an edit was not noticed: {refused}")
            replay = ["replay", str(bundle), "--target", "embedded", "-o", f"{place}/run"]
            for command in (["trace", "seal", str(bundle)], ["trace", "check", str(bundle)], replay):
                done = run(*command)
                if done.returncode != 0:
                    sys.exit(f"{edit.__name__}: {command}: {done.stdout}{done.stderr}")
            print(f"{edit.__name__}: noticed, sealed, well, replayed")


if __name__ == "__main__":
    main()
