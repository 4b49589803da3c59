#!/usr/bin/env python3
"""Writes a trace of a million sessions, to see that neither memory nor the first chunk's instant
depend on a trace's length.

    tools/bench/million.py -o OUT.vtrace [--sessions N] [--per-second R] [--clips N] [--seed N]
                           [--voicelt PATH]

A session is one push-to-talk turn of one second: config, 50 chunks of 640 bytes, half-close. As many
start in each second as `--per-second` says, each at a random instant of its share, so that chunks
come in no common phase. Clips have a length only, no audio: a replay makes it up. The tables are
written without voicelt, as any other tool would, and sealed by `voicelt trace seal`.

Needs pyarrow and numpy (requirements.txt).
"""

import argparse
import hashlib
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from programs import built

RATE_HZ = 16_000
CHUNKS = 50
CHUNK_BYTES = 640
CHUNK_NS = 20_000_000
SECOND_NS = 1_000_000_000
# Speech within a clip: what surrounds it is silence.
SPEECH_START_SAMPLES, SPEECH_END_SAMPLES = 1_600, 14_400
SAMPLE_NS = SECOND_NS // RATE_HZ

# Rows in a row group: as voicelt writes them.
ROW_GROUP_ROWS = 64 * 1024
# Sessions whose rows are in memory at a time.
PART_SESSIONS = 200_000


def repeated(value, count, kind):
    return pa.repeat(pa.scalar(value, kind), count)


def sessions(numbers, starts):
    count = len(numbers)
    return pa.table(
        {
            "session": pa.array(numbers, pa.uint32()),
            "session_id": pa.array([f"s{number:08}" for number in numbers.tolist()], pa.string()),
            "start_ns": pa.array(starts, pa.int64()),
            "language_code": repeated("en-US", count, pa.string()),
            "sample_rate_hz": repeated(RATE_HZ, count, pa.uint32()),
            "microphone": repeated("push_to_talk", count, pa.string()),
            "turns": repeated(1, count, pa.uint32()),
            "recorded_status": pa.nulls(count, pa.string()),
            "recorded_end_ns": pa.nulls(count, pa.int64()),
        }
    )


def turns(numbers, starts, clips):
    count = len(numbers)
    return pa.table(
        {
            "session": pa.array(numbers, pa.uint32()),
            "turn": repeated(0, count, pa.uint32()),
            "at_ns": pa.array(starts, pa.int64()),
            "end_ns": pa.array(starts + CHUNKS * CHUNK_NS, pa.int64()),
            "speech_start_ns": pa.array(starts + SPEECH_START_SAMPLES * SAMPLE_NS, pa.int64()),
            "speech_end_ns": pa.array(starts + SPEECH_END_SAMPLES * SAMPLE_NS, pa.int64()),
            "think_ns": pa.nulls(count, pa.int64()),
            "clip": pa.array(clips, pa.uint32()),
        }
    )


def events(numbers, starts, clips):
    """Three rows a session: config, audio, half-close."""
    count = 3 * len(numbers)
    is_audio = np.tile([False, True, False], len(numbers))
    ends = starts + CHUNKS * CHUNK_NS
    at = np.stack([starts, starts, ends], axis=1).ravel()
    return pa.table(
        {
            "session": pa.array(np.repeat(numbers, 3), pa.uint32()),
            "turn": repeated(0, count, pa.uint32()),
            "at_ns": pa.array(at, pa.int64()),
            "kind": pa.array(["config", "audio", "half_close"] * len(numbers), pa.string()),
            "clip": pa.array(np.repeat(clips, 3), pa.uint32(), mask=~is_audio),
            "offset_bytes": repeated(0, count, pa.uint64()),
            "chunk_bytes": pa.array(np.where(is_audio, CHUNK_BYTES, 0), pa.uint32()),
            "interval_ns": pa.array(np.where(is_audio, CHUNK_NS, 0), pa.int64()),
            "count": pa.array(np.where(is_audio, CHUNKS, 1), pa.uint32()),
            "text": pa.nulls(count, pa.string()),
        }
    )


def clip_table(count):
    def all_rows(value, kind):
        return repeated(value, count, kind)

    ids = [hashlib.sha256(f"clip {number}".encode()).hexdigest() for number in range(count)]
    return pa.table(
        {
            "clip": pa.array(range(count), pa.uint32()),
            "clip_id": pa.array(ids, pa.string()),
            "file": pa.nulls(count, pa.string()),
            "sample_rate_hz": all_rows(RATE_HZ, pa.uint32()),
            "samples": all_rows(CHUNKS * CHUNK_BYTES // 2, pa.uint64()),
            "speech_start_samples": all_rows(SPEECH_START_SAMPLES, pa.uint64()),
            "speech_end_samples": all_rows(SPEECH_END_SAMPLES, pa.uint64()),
            "speech_method": all_rows("label", pa.string()),
            "peak_dbfs": all_rows(-3.0, pa.float64()),
            "rms_dbfs": all_rows(-20.0, pa.float64()),
            "source_path": pa.nulls(count, pa.string()),
            "transcript": pa.nulls(count, pa.string()),
        }
    )


def manifest(name, arguments):
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    settings = {
        "sessions": arguments.sessions,
        "per_second": arguments.per_second,
        "clips": arguments.clips,
        "seed": arguments.seed,
    }
    # Counts, length and hashes are for `trace seal` to find.
    return {
        "format": "1.0",
        "name": name,
        "created_at": now,
        "tool": "tools/bench/million.py",
        "source": "imported",
        "contains": ["audio"],
        "seed": arguments.seed,
        "sessions": 0,
        "events": 0,
        "duration_ns": 0,
        "content_blake3": "",
        "provenance": [
            {"step": "million", "tool": "tools/bench/million.py", "at": now, "settings": settings}
        ],
    }


def write(output, arguments):
    random = np.random.default_rng(arguments.seed)
    share_ns = SECOND_NS / arguments.per_second
    writers = {}
    for first in range(0, arguments.sessions, PART_SESSIONS):
        numbers = np.arange(first, min(first + PART_SESSIONS, arguments.sessions))
        starts = ((numbers + random.random(len(numbers))) * share_ns).astype(np.int64)
        clips = random.integers(0, arguments.clips, len(numbers))
        parts = {
            "sessions": sessions(numbers, starts),
            "turns": turns(numbers, starts, clips),
            "events": events(numbers, starts, clips),
        }
        for table, rows in parts.items():
            if table not in writers:
                path = output / f"{table}.parquet"
                writers[table] = pq.ParquetWriter(path, rows.schema, compression="zstd")
            writers[table].write_table(rows, row_group_size=ROW_GROUP_ROWS)
    for writer in writers.values():
        writer.close()
    pq.write_table(clip_table(arguments.clips), output / "clips.parquet", compression="zstd")
    text = json.dumps(manifest(output.stem, arguments), indent=2)
    (output / "trace.json").write_text(text + "\n")


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--sessions", type=positive, default=1_000_000)
    parser.add_argument("--per-second", type=positive, default=1_000, help="session starts")
    parser.add_argument("--clips", type=positive, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--voicelt", help="seals the bundle; built where none is given")
    arguments = parser.parse_args()

    try:
        arguments.output.mkdir(parents=True)
    except FileExistsError:
        sys.exit(f"{arguments.output}: exists; remove it, or choose another -o")
    write(arguments.output, arguments)
    voicelt = arguments.voicelt or built("voicelt")[0]
    done = subprocess.run([voicelt, "trace", "seal", arguments.output], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
