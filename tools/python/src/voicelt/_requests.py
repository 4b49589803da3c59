"""The rows of requests: which there are, what follows from them, and their quantiles."""

import json
import math
from importlib.resources import files
from typing import Any

import polars as pl

from voicelt._tables import Table

# The catalog of metrics: what `voicelt schema --metrics --format json` prints.
_METRICS = json.loads(files("voicelt").joinpath("metrics.json").read_text(encoding="utf-8"))
_LATENCIES = {metric["name"]: metric for metric in _METRICS if metric["unit"] == "ns"}
LATENCIES = tuple(_LATENCIES)

# Where an answer begins, by what the server answers with: the first of these that a request has.
_BEGINS = {
    "audio": ("first_audio_ns",),
    "sound": ("first_audible_ns",),
    "audio_or_text": ("first_audio_ns", "first_llm_ns"),
    "text": ("first_llm_ns",),
    "transcript": ("final_transcript_ns",),
}

_TURN = ("session_id", "copy", "turn")
_RECORDED = ("recorded_response", "recorded_asr", "recorded_e2e", "recorded_total")
_LAGS = ("lag_p50", "lag_p99", "lag_max", "blocked")
_MILLISECONDS = (*LATENCIES, *_RECORDED, *_LAGS)
_SECONDS = ("intended_start", "started", "closed")
_NS_PER_MS = 1e6
_NS_PER_S = 1e9

# What the columns below are derived from, for a run that was killed before its first row.
_NEEDED = pl.DataFrame(
    schema={
        "session_id": pl.String,
        "copy": pl.UInt32,
        "turn": pl.UInt32,
        "user": pl.UInt32,
        "phase": pl.String,
        "status": pl.String,
        "early_endpoint": pl.Boolean,
        "overlapped": pl.Boolean,
        "intended_end_of_speech_ns": pl.Int64,
        "barge_in_ns": pl.Int64,
        "end_of_speech_sent_ns": pl.Int64,
        **{name: pl.Int64 for names in _BEGINS.values() for name in names},
        **{f"{name}_ns": pl.Int64 for name in (*_SECONDS, *_MILLISECONDS)},
    }
)


def every_turn(requests: Table, started: Table, manifest: dict[str, Any]) -> pl.DataFrame:
    """One row for every turn that started: those of `requests`, and of a run that did not finish
    those of `started` that have none, with status `interrupted`."""
    rows = _NEEDED if requests.frame is None else requests.frame
    # A run of an older version lacks what came later, though its instants tell.
    rows = pl.concat([rows, _NEEDED], how="diagonal").with_columns(
        final_ns=pl.col("final_transcript_ns") - pl.col("intended_end_of_speech_ns"),
        first_text_ns=pl.col("first_llm_ns") - pl.col("intended_end_of_speech_ns"),
    )
    if not requests.finished:
        # A killed run may have a part twice over: of two rows of a turn the first counts.
        rows = rows.unique(subset=_TURN, keep="first", maintain_order=True)
    if not requests.finished and started.frame is not None:
        under_way = started.frame.join(rows, on=_TURN, how="anti").with_columns(
            run_id=pl.lit(manifest["run_id"]),
            status=pl.lit("interrupted"),
            phase=pl.lit("steady"),
            early_endpoint=pl.lit(False),
            overlapped=pl.lit(False),
        )
        rows = pl.concat([rows, under_way], how="diagonal")
    return rows.sort("intended_start_ns", "copy", "turn", "session_id")


def answers_by(manifest: dict[str, Any]) -> str:
    """What the server of a run answers with."""
    for said in (manifest.get("summary"), manifest.get("spec")):
        kind = said.get("answers_by") if isinstance(said, dict) else None
        if kind in _BEGINS:
            return str(kind)
    # A run of before there were others.
    return "audio"


def derive(rows: pl.DataFrame, answers: str) -> pl.DataFrame:
    """The rows with the columns that `Run` describes, of a server that answers with `answers`."""
    status = pl.col("status")
    in_flight = status == "interrupted"
    cancelled = status == "cancelled"
    stopped = in_flight | (cancelled & pl.col("end_of_speech_sent_ns").is_null())
    return rows.with_columns(
        *((pl.col(f"{name}_ns") / _NS_PER_MS).alias(f"{name}_ms") for name in _MILLISECONDS),
        *((pl.col(f"{name}_ns") / _NS_PER_S).alias(f"{name}_s") for name in _SECONDS),
        answered=pl.any_horizontal(pl.col(name).is_not_null() for name in _BEGINS[answers]),
        success=pl.when(~in_flight & ~cancelled).then(status.is_in(["ok", "barged_in"])),
        measured=(pl.col("phase") == "steady")
        & ~stopped
        & pl.col("intended_end_of_speech_ns").is_not_null()
        & ~pl.col("early_endpoint")
        & ~pl.col("overlapped"),
    )


def quantile(rows: pl.DataFrame, answers: str, latency: str, share: float) -> float | None:
    """As `Run.quantile`."""
    if latency not in LATENCIES:
        raise ValueError(f"`{latency}` is no latency; use one of {', '.join(LATENCIES)}")
    if not 0 < share <= 1:
        raise ValueError(f"{share} is no share; use one over 0 and up to 1, such as 0.95")
    measured = rows.filter(pl.col("measured"))
    if answers == "audio_or_text":
        texts_alone = measured["first_audio_ns"].is_null().all()
        has_text = measured["first_llm_ns"].is_not_null().any()
        answers = "text" if texts_alone and has_text else "audio"
    values = measured.select(_value(latency)).to_series()
    # In the others a request without an answer counts as longer than every other.
    if answers not in _LATENCIES[latency]["lacking_is_longest"]:
        values = values.drop_nulls()
    # In hundredths of a percent: 0.07 of 100 is rank 7, whatever 0.07 is in binary.
    level = round(share * 10_000)
    if len(values) < _fewest(level):
        return None
    rank = max(1, -(-len(values) * level // 10_000))
    value = values.sort(nulls_last=True)[rank - 1]
    return math.inf if value is None else int(value) / _NS_PER_MS


def _value(latency: str) -> pl.Expr:
    """A latency in the figures of the report, in nanoseconds; null where a row does not have it."""
    value = pl.col(f"{latency}_ns")
    if latency == "barge_in_stop":
        # The column is an instant; an answer without audio after the barge-in stopped at once.
        barge_in = pl.col("barge_in_ns")
        value = pl.when(barge_in.is_not_null()).then((value - barge_in).fill_null(0))
    if _LATENCIES[latency]["successes_only"]:
        value = pl.when(pl.col("success")).then(value)
    return value


def _fewest(level: int) -> int:
    """The fewest values that a quantile is given for, as in the report: with fewer than
    ln 0.025 / ln p, a 95 % confidence interval free of assumptions has no upper end. One is enough
    up to the median and for the largest."""
    if level <= 5_000 or level == 10_000:
        return 1
    return math.ceil(math.log(0.025) / math.log(level / 10_000))
