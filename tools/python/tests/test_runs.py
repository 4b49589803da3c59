"""Runs: finished, killed, and none."""

import json
import math
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import voicelt
from voicelt import _binary
from voicelt._requests import LATENCIES


def test_a_finished_run_agrees_with_its_report(demo_run: Path) -> None:
    run = voicelt.load_run(demo_run)
    summary = run.manifest["summary"]
    assert run.verdict == run.manifest["verdict"]["level"]
    assert run.requests["measured"].sum() == summary["measured"]["rows"] > 0
    assert run.requests["success"].sum() == summary["turns"]["successes"]
    assert run.requests["answered"].sum() == summary["turns"]["answered"]
    compared = 0
    for latency in LATENCIES:
        for level, share in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1)]:
            reported = summary["latencies"][latency][f"{level}_ns"]
            if reported is not None:
                assert run.quantile(latency, share) == reported / 1e6, (latency, level)
                compared += 1
    assert compared >= 10


def test_tables_are_there_where_the_run_has_them(demo_run: Path) -> None:
    run = voicelt.load_run(demo_run)
    assert run.timeline is not None
    assert run.timeline["achieved_chunks"].sum() == run.manifest["summary"]["load"]["chunks_sent"]
    assert run.messages is not None
    assert run.messages.height > run.requests.height
    assert run.sessions is not None
    assert set(run.sessions["end"]) == {"finished"}
    assert set(run.sessions["session_id"]) == set(run.requests["session_id"])
    assert run.sessions["turns_answered"].sum() == run.requests["answered"].sum()
    assert run.clips is not None
    assert set(run.requests["clip_id"]) <= set(run.clips["clip_id"])
    assert run.server is None
    assert run.unreadable == ()


def test_derived_columns_are_the_same_instants_in_other_units(demo_run: Path) -> None:
    rows = voicelt.load_run(demo_run).requests
    assert (rows["response_ms"] * 1e6 - rows["response_ns"]).abs().max() < 1  # type: ignore[operator]
    assert (rows["intended_start_s"] * 1e9 - rows["intended_start_ns"]).abs().max() < 1  # type: ignore[operator]


def test_latest_is_the_link_in_runs(
    demo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "latest").symlink_to(demo_run)
    monkeypatch.chdir(tmp_path)
    latest = voicelt.load_run("latest")
    assert latest.requests.equals(voicelt.load_run(demo_run / "run.json").requests)


def killed(run: Path, place: Path, ended: int) -> Path:
    """The run as it is on disk when it is killed after so many turns have ended."""
    path = place / "killed"
    shutil.copytree(run, path)
    rows = pl.read_parquet(path / "requests.parquet")
    (path / "requests.parquet").unlink()
    half = ended // 2
    rows[:half].write_parquet(path / "requests-00001.parquet")
    rows[half:ended].write_parquet(path / "requests-00002.parquet")
    started = ["session_id", "copy", "turn", "user", "intended_start_ns", "started_ns"]
    sessions = pl.read_parquet(path / "sessions.parquet")
    (path / "sessions.parquet").unlink()
    sessions[:half].write_parquet(path / "sessions-00001.parquet")
    planned = sessions.select("session_id", "copy", "planned_start_ns")
    starts = rows.select(started).join(planned, on=["session_id", "copy"])
    starts.write_parquet(path / "started-00001.parquet")
    manifest = json.loads((path / "run.json").read_text())
    manifest |= {"exit_reason": "running", "verdict": None, "summary": None}
    (path / "run.json").write_text(json.dumps(manifest))
    return path


def test_of_a_killed_run_every_turn_that_started_is_there(demo_run: Path, tmp_path: Path) -> None:
    whole = voicelt.load_run(demo_run).requests
    run = voicelt.load_run(killed(demo_run, tmp_path, ended=4))
    assert run.verdict is None
    assert run.requests.height == whole.height
    assert run.requests.filter(status="ok").height == 4
    under_way = run.requests.filter(status="interrupted")
    assert under_way.height == whole.height - 4
    assert not under_way["measured"].any()
    slowest = whole.filter("measured")[:4]["response_ms"].max()
    assert run.quantile("response", 1) == pytest.approx(slowest)


def test_of_a_killed_run_every_session_that_started_is_there(
    demo_run: Path, tmp_path: Path
) -> None:
    whole = voicelt.load_run(demo_run).sessions
    assert whole is not None
    path = killed(demo_run, tmp_path, ended=4)
    found = voicelt.load_run(path).sessions
    assert found is not None
    same = ["session_id", "copy", "planned_start_ns"]
    assert found.select(same).equals(whole.select(same))
    assert found["end"].to_list() == ["finished"] * 2 + ["interrupted"] * (whole.height - 2)
    assert found["run_id"].null_count() == 0


def test_a_run_of_before_has_no_sessions(demo_run: Path, tmp_path: Path) -> None:
    path = killed(demo_run, tmp_path, ended=4)
    (path / "sessions-00001.parquet").unlink()
    started = path / "started-00001.parquet"
    pl.read_parquet(started).drop("planned_start_ns").write_parquet(started)
    run = voicelt.load_run(path)
    assert run.sessions is None
    assert run.unreadable == ()


def test_a_run_that_was_really_killed_agrees_with_its_report(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    command = [_binary.find(), "run", "-u", "2", "-d", "10m", "--think-time", "100ms", "--quiet"]
    command += ["--pace", "original", "-t", "embedded", "-a", str(demo), "-o", str(path)]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + 60
            while not list(path.glob("requests-*.parquet")) and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.05)
        finally:
            process.kill()
    run = voicelt.load_run(path)
    report = json.loads(_binary.run("report", str(path), "--format", "json"))
    assert run.verdict is None
    assert run.sessions is not None
    assert set(run.sessions["session_id"]) == set(run.requests["session_id"])
    assert run.requests.height == report["turns"]["rows"] > 0
    assert run.requests.filter(status="ok").height == report["turns"]["outcomes"]["ok"]
    assert run.requests["measured"].sum() == report["measured"]["rows"] > 0
    assert run.quantile("response", 0.5) == report["latencies"]["response"]["p50_ns"] / 1e6


def test_a_run_killed_at_once_has_no_rows_but_all_columns(demo_run: Path, tmp_path: Path) -> None:
    path = killed(demo_run, tmp_path, ended=0)
    for part in path.glob("*-0000?.parquet"):
        part.unlink()
    run = voicelt.load_run(path)
    assert run.requests.is_empty()
    assert {"response_ms", "measured", "answered", "started_s"} <= set(run.requests.columns)
    assert run.quantile("response", 0.5) is None


def test_in_flight_is_neither_success_nor_error(demo_run: Path, tmp_path: Path) -> None:
    run = voicelt.load_run(killed(demo_run, tmp_path, ended=4))
    under_way = run.requests.filter(status="interrupted")
    assert under_way["success"].null_count() == under_way.height > 0
    assert run.requests["success"].mean() == 1
    report = json.loads(_binary.run("report", str(run.path), "--format", "json"))
    assert report["turns"]["in_flight"] == under_way.height
    assert report["turns"]["success_rate"] == 1


def test_a_missing_table_is_named(demo_run: Path, tmp_path: Path) -> None:
    for name in ("requests", "sessions", "timeline", "messages", "clips"):
        path = tmp_path / name
        shutil.copytree(demo_run, path)
        (path / f"{name}.parquet").unlink()
        with pytest.raises(voicelt.NotReadable, match=rf"{name}\.parquet is missing"):
            voicelt.load_run(path)


def test_parts_that_became_one_count_once(demo_run: Path, tmp_path: Path) -> None:
    path = killed(demo_run, tmp_path, ended=4)
    both = [pl.read_parquet(path / f"requests-0000{part}.parquet") for part in (1, 2)]
    pl.concat(both).write_parquet(path / "requests-00001-00002.parquet")
    (path / "requests-00001.parquet").unlink()
    run = voicelt.load_run(path)
    assert run.requests.filter(status="ok").height == 4
    assert run.unreadable == ()


def test_a_damaged_part_is_named_and_the_others_are_read(demo_run: Path, tmp_path: Path) -> None:
    path = killed(demo_run, tmp_path, ended=4)
    (path / "requests-00001.parquet").write_bytes(b"PAR1 and no more")
    run = voicelt.load_run(path)
    assert run.requests.filter(status="ok").height == 2
    assert len(run.unreadable) == 1
    assert "requests-00001.parquet" in run.unreadable[0]


def test_requests_without_an_answer_are_longer_than_every_other(
    demo_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    shutil.copytree(demo_run, path)
    rows = pl.read_parquet(path / "requests.parquet")[:4]
    silent = [False, True, True, False]
    nothing = pl.lit(None, dtype=pl.Int64)
    for name in ("response_ns", "e2e_ns"):
        rows = rows.with_columns(
            pl.when(pl.Series(silent)).then(nothing).otherwise(pl.col(name)).alias(name)
        )
    rows.write_parquet(path / "requests.parquet")
    run = voicelt.load_run(path)
    answered = sorted(run.requests["response_ms"].drop_nulls())
    assert run.quantile("response", 0.5) == pytest.approx(answered[1])
    assert run.quantile("response", 1) == math.inf
    assert run.quantile("e2e", 1) == pytest.approx(run.requests["e2e_ms"].max())


def test_the_headline_follows_what_the_server_answers_with(demo_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(demo_run, path)
    rows = pl.read_parquet(path / "requests.parquet")[:4]
    nothing = pl.lit(None, dtype=pl.Int64)
    silent = pl.Series([False, True, True, False])
    without = ("first_audio_ns", "response_ns", "audible_ns")
    rows = rows.with_columns(*(nothing.alias(name) for name in without))
    for name in ("first_llm_ns", "final_transcript_ns"):
        rows = rows.with_columns(pl.when(silent).then(nothing).otherwise(pl.col(name)).alias(name))
    rows.write_parquet(path / "requests.parquet")

    def figures(answers: str) -> tuple[int, list[float | None]]:
        manifest = json.loads((demo_run / "run.json").read_text(encoding="utf-8"))
        manifest["spec"]["answers_by"] = answers
        del manifest["summary"]
        (path / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
        run = voicelt.load_run(path)
        names = ("response", "first_text", "final")
        return int(run.requests["answered"].sum()), [run.quantile(name, 1) for name in names]

    answered, [response, text, final] = figures("audio")
    assert (answered, response) == (0, math.inf)
    assert text is not None and final is not None and max(text, final) < math.inf
    assert figures("audio_or_text") == (2, [None, math.inf, final])
    assert figures("text") == (2, [None, math.inf, final])
    assert figures("transcript") == (2, [None, text, math.inf])


def test_a_turn_that_failed_and_a_barge_in_count_as_in_the_report(demo_run: Path) -> None:
    run = voicelt.load_run(demo_run)
    rows = run.requests.filter("measured")[:3]
    rows = rows.with_columns(
        success=pl.Series([True, False, True]),
        barge_in_ns=pl.Series([5_000_000, 5_000_000, None]),
        barge_in_stop_ns=pl.Series([8_000_000, None, None], dtype=pl.Int64),
    )
    run = replace(run, requests=rows)
    totals = rows.filter("success")["total_ms"]
    assert run.quantile("total", 0.5) == pytest.approx(totals.max())
    assert run.quantile("total", 1) == math.inf
    stops = [run.quantile("barge_in_stop", share) for share in (0.5, 1)]
    assert stops == [0.0, 3.0]


def test_a_run_of_before_has_the_metrics_that_came_later(demo_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(demo_run, path)
    rows = pl.read_parquet(path / "requests.parquet")
    rows.drop("final_ns").write_parquet(path / "requests.parquet")
    before, now = voicelt.load_run(path), voicelt.load_run(demo_run)
    assert before.quantile("final", 0.5) == now.quantile("final", 0.5) is not None


@pytest.mark.parametrize(("share", "needed"), [(0.5, 1), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_a_quantile_needs_requests_enough(
    share: float, needed: int, demo_run: Path, tmp_path: Path
) -> None:
    one = voicelt.load_run(demo_run).requests.filter("measured")[:1]
    for count in (needed - 1, needed):
        numbered = pl.int_range(1, count + 1, dtype=pl.Int64)
        rows = pl.concat([one] * count) if count else one.clear()
        run = replace(
            voicelt.load_run(demo_run), requests=rows.with_columns(response_ns=numbered * 1_000_000)
        )
        expected = None if count < needed else float(math.ceil(needed * share))
        assert run.quantile("response", share) == expected, count


def test_a_run_is_shown_in_a_line(demo_run: Path) -> None:
    run = voicelt.load_run(demo_run)
    named = f"name='demo', verdict={run.verdict!r}, requests={run.requests.height}"
    assert repr(run) == str(run) == f"Run({named}, path='{demo_run}')"


@pytest.mark.parametrize(
    "change",
    [
        {"phase": pl.lit("drain")},
        {"status": pl.lit("cancelled"), "end_of_speech_sent_ns": pl.lit(None, dtype=pl.Int64)},
        {"intended_end_of_speech_ns": pl.lit(None, dtype=pl.Int64)},
        {"early_endpoint": pl.lit(True)},
        {"overlapped": pl.lit(True)},
    ],
)
def test_a_request_that_is_left_out_is_left_out_by_the_report_too(
    change: dict[str, pl.Expr], demo_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    shutil.copytree(demo_run, path)
    rows = pl.read_parquet(path / "requests.parquet")
    pl.concat([rows[:1].with_columns(**change), rows[1:]]).write_parquet(path / "requests.parquet")
    run = voicelt.load_run(path)
    report = json.loads(_binary.run("report", str(path), "--format", "json"))
    assert run.requests["measured"].sum() == report["measured"]["rows"]
    assert (
        run.requests["measured"].sum() == voicelt.load_run(demo_run).requests["measured"].sum() - 1
    )


def test_a_turn_that_is_in_two_parts_counts_once(demo_run: Path, tmp_path: Path) -> None:
    path = killed(demo_run, tmp_path, ended=4)
    again = pl.read_parquet(path / "requests-00002.parquet").with_columns(status=pl.lit("error"))
    again.write_parquet(path / "requests-00003.parquet")
    assert voicelt.load_run(path).requests.filter(status="ok").height == 4


def test_a_trace_is_no_run_and_a_run_no_trace(demo: Path, demo_run: Path) -> None:
    for path in (demo, demo / "trace.json"):
        with pytest.raises(voicelt.NotReadable, match=r"is a trace, not a run: .*read_trace"):
            voicelt.load_run(path)
    for path in (demo_run, demo_run / "run.json"):
        with pytest.raises(voicelt.NotReadable, match=r"is a run, not a trace: .*load_run"):
            voicelt.read_trace(path)


def test_what_is_no_run_is_said(demo_run: Path, tmp_path: Path) -> None:
    with pytest.raises(voicelt.NotReadable, match=r"no run at .*give a run directory"):
        voicelt.load_run(tmp_path)
    newer = tmp_path / "newer"
    shutil.copytree(demo_run, newer)
    manifest = json.loads((newer / "run.json").read_text()) | {"format": "2.0"}
    (newer / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(voicelt.NotReadable, match=r"format 2\.0.*install a newer one"):
        voicelt.load_run(newer)
    (newer / "run.json").write_text('{"format": ')
    with pytest.raises(voicelt.NotReadable, match="damaged"):
        voicelt.load_run(newer)


def test_what_is_no_quantile_is_said(demo_run: Path) -> None:
    run = voicelt.load_run(demo_run)
    with pytest.raises(ValueError, match="`responce` is no latency; use one of response"):
        run.quantile("responce", 0.5)
    with pytest.raises(ValueError, match="95 is no share"):
        run.quantile("response", 95)
