#!/usr/bin/env python3
"""Runs every query of the Grafana dashboard against a real Prometheus that scrapes a real run.

    tools/ci/dashboard.py VOICELT

VOICELT is the program. Needs `prometheus` (Debian's package) and the packages of requirements.txt
beside it. Everything listens on loopback, on ports of the moment, and ends with this script.

First only the gateway is scraped, and synthetic GPUs: panels that fall back to them must have
data. Then a replay is scraped too: every panel must have data, without the gateway's as well; and what
the replay fetches from Prometheus after its end must be in its run directory. Fails with a sentence
that says what is wrong.
"""

import contextlib
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars

GRAFANA = Path(__file__).resolve().parent.parent / "grafana"
# The newest that Grafana knows: LATEST_VERSION of its schema migrations.
SCHEMA_VERSION = 42
TITLES = [
    "Concurrent Users Over Time",
    "Throughput (Requests/min)",
    "Latency vs Load",
    "Latency Distribution",
    "E2E P50/P95/P99",
    "Current Users",
    "Error Rate",
]
# What only the load tool knows.
OURS_ALONE = {"Verdict", "Schedule Lag", "Response P50/P95/P99"}
GPUS = {"GPU Utilisation", "GPU Memory"}
# As NVIDIA's DCGM exporter writes it; no GPU is needed.
DCGM = """\
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-0",device="nvidia0",Hostname="node"} 55
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-0",device="nvidia0",Hostname="node"} 30000
# TYPE DCGM_FI_DEV_FB_FREE gauge
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-0",device="nvidia0",Hostname="node"} 10000
"""
# Grafana's variables, as they are with a scrape each second.
VARIABLES = {"$__rate_interval": "20s", "${datasource}": "prometheus"}
WAIT_S = 60


def require(condition, message):
    if not condition:
        sys.exit(f"dashboard: {message}")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers, answer.read().decode()


class Gpus(BaseHTTPRequestHandler):
    """An exporter of synthetic GPUs."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(DCGM.encode())

    def log_message(self, *_):
        pass


class Prometheus:
    """A server of its own, with its data in `place`."""

    def __init__(self, place, targets):
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [target]}]}
            for job, target in targets.items()
        ]
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        # JSON is YAML.
        (place / "prometheus.yml").write_text(json.dumps(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={place / 'prometheus.yml'}",
                f"--storage.tsdb.path={place / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
        )

    def wait(self):
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            require(self.process.poll() is None, "prometheus ended at once")
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                get(f"{self.url}/-/ready")
                return
            time.sleep(0.2)
        require(False, f"prometheus was not ready after {WAIT_S} s")

    def ask(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            answer = json.loads(get(url)[1])
        except urllib.error.HTTPError as error:
            sys.exit(f"dashboard: {parameters}: {error.read().decode()}")
        require(answer["status"] == "success", f"{parameters}: {answer}")
        return answer["data"]

    def values(self, query, seconds):
        """The finite values of a query over the last seconds."""
        now = time.time()
        data = self.ask("query_range", query=query, start=now - seconds, end=now, step=1)
        values = [float(value) for series in data["result"] for _, value in series["values"]]
        return [value for value in values if math.isfinite(value)]


def check_form(dashboard):
    """What can be told of a dashboard without Grafana."""
    require(dashboard["schemaVersion"] == SCHEMA_VERSION, "the schema is not Grafana's current one")
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    require(len(set(ids)) == len(ids), f"two panels have one id: {ids}")
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    require(rows == ["Load Testing"], f"the rows are {rows}")
    titles = [panel["title"] for panel in panels if panel["type"] != "row"]
    require(len(set(titles)) == len(titles), f"two panels have one title: {titles}")
    for title in [*TITLES, *OURS_ALONE, *GPUS]:
        require(title in titles, f"there is no panel `{title}`")
    taken = set()
    for panel in panels:
        grid = panel["gridPos"]
        require(0 <= grid["x"] and grid["x"] + grid["w"] <= 24, f"`{panel['title']}` is too wide")
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        require(not cells & taken, f"`{panel['title']}` lies over another panel")
        taken |= cells
        references = [target["refId"] for target in panel.get("targets", [])]
        require(len(set(references)) == len(references), f"`{panel['title']}` has one refId twice")
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(dashboard)))
    require(used <= variables, f"variables {used - variables} are not defined")


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            require("$" not in query, f"`{panel['title']}` has a variable that is not known: {query}")
            yield panel["title"], query


def check_panels(prometheus, dashboard, but=frozenset(), without=None):
    """Each query must be understood, and have data unless its panel is one of `but`: that of the last
    seconds, as if there were none whose name begins with `without`."""
    for title, query in queries(dashboard):
        if without:
            query = query.replace(without, "nothing_like_this_")
        found = prometheus.values(query, 15)
        print(f"  {title:28} {len(found):4} values  {query[:88]}")
        require(bool(found) != (title in but), f"`{title}` has {len(found)} values for: {query}")


def check_exposition(url):
    """Both formats, by Prometheus's own tool and by their heads."""
    plain, text = get(url)
    require(plain["content-type"].startswith("text/plain; version=0.0.4"), plain["content-type"])
    require("trace_id" not in text, "the plain format has exemplars")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    require(checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=accept), timeout=10) as answer:
        require(
            answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8",
            answer.headers["content-type"],
        )
        require(answer.read().decode().endswith("# EOF\n"), "the OpenMetrics page has no end")


def listening(process, pattern):
    """What a process says of an address on standard error, once it does."""
    said = []
    for line in process.stderr:
        said.append(line)
        found = re.search(pattern, line)
        if found:
            return found[1]
    sys.exit(f"dashboard: {process.args} ended: {''.join(said)}")


def replay(voicelt, trace, target, run, *more):
    # 4 would be a machine too busy to keep the schedule: not what is checked here.
    command = [voicelt, "replay", str(trace), "-t", target, "-o", str(run), "--force", "--allow-invalid"]
    return subprocess.Popen(
        [*command, "--no-live", *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    voicelt = shutil.which(sys.argv[1]) or sys.argv[1]
    dashboard = json.loads((GRAFANA / "load-testing.json").read_text())
    check_form(dashboard)
    subprocess.run(["promtool", "check", "config", str(GRAFANA / "prometheus.yml")], check=True)
    with contextlib.ExitStack() as ends:
        place = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        trace = place / "calls.vtrace"
        made = ["--synth", "speech-like:1s", "--sessions", "40", "--arrivals", "poisson:3/s"]
        subprocess.run([voicelt, "--quiet", "prepare", *made, "-o", str(trace)], check=True)

        def start(process):
            """Sees to it that it ends with this script."""
            ends.callback(process.wait, 60)
            ends.callback(process.terminate)
            return process

        gateway = start(
            subprocess.Popen(
                # Some errors, so that there is a rate of them.
                [voicelt, "gateway", "--listen", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0",
                 "--error-rate", "0.1"],
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        its_metrics = listening(gateway, r"metrics are at http://([^/\s]+)/metrics")
        target = listening(gateway, r"^listening on (\S+)")
        ours = f"127.0.0.1:{free_port()}"
        gpus = ThreadingHTTPServer(("127.0.0.1", 0), Gpus)
        ends.callback(gpus.shutdown)
        threading.Thread(target=gpus.serve_forever, daemon=True).start()
        targets = {"gateway": its_metrics, "voicelt": ours, "dcgm": f"127.0.0.1:{gpus.server_port}"}
        prometheus = Prometheus(place, targets)
        start(prometheus.process)
        prometheus.wait()

        print("only the gateway is scraped:")
        alone = replay(voicelt, trace, target, place / "one")
        require(alone.wait(120) == 0, f"the replay failed: {alone.stderr.read()}")
        time.sleep(2)
        check_panels(prometheus, dashboard, but=OURS_ALONE)
        check_exposition(f"http://{its_metrics}/metrics")

        print("a replay is scraped too:")
        fetched = ["--prometheus", prometheus.url, "--prometheus-query", "targets=sum(up)"]
        watched = start(
            replay(voicelt, trace, target, place / "two", "--metrics-addr", ours,
                   "--metrics-linger", "60s", *fetched)
        )
        listening(watched, r"(metrics stay at)")
        time.sleep(2)
        check_exposition(f"http://{ours}/metrics")
        check_panels(prometheus, dashboard)
        print("the replay alone:")
        check_panels(prometheus, dashboard, without="voice_gateway_")
        rows = prometheus.values("sum(voicelt_requests_total)", 1)[-1]
        require(rows == 40, f"the last look saw {rows} of 40 requests")
        traces = prometheus.ask(
            "query_exemplars", query="voicelt_e2e_seconds_bucket", start=time.time() - 60, end=time.time()
        )
        ids = {e["labels"]["trace_id"] for series in traces for e in series["exemplars"]}
        known = set(polars.read_parquet(place / "two" / "requests.parquet")["trace_id"])
        require(ids and ids <= known, f"exemplars {ids} are not traces of the run")
        print(f"  {len(ids)} exemplars, all of them traces of the run")

        table = polars.read_parquet(place / "two" / "server.parquet")
        print(table.group_by("series").agg(polars.len(), polars.col("value").max()).sort("series"))
        series = set(table["series"])
        expected = {
            "gpu_utilisation_percent", "gpu_memory_used_mib", "gateway_active_streams",
            "gateway_requests_per_s", "gateway_e2e_p50_s", "gateway_e2e_p95_s", "gateway_e2e_p99_s",
            "targets",
        }
        require(series == expected, f"server.parquet holds {series}")
        length_ns = json.loads((place / "two" / "run.json").read_text())["summary"]["run"]["elapsed_ns"]
        inside = table.filter((table["at_ns"] >= -10**9) & (table["at_ns"] <= length_ns + 5 * 10**9))
        require(inside.height == table.height, "server.parquet holds values of another time")
        shown = subprocess.run(
            [voicelt, "report", str(place / "two")], stdout=subprocess.PIPE, text=True, check=False
        ).stdout
        require("gateway_active_streams" in shown, f"the report does not show it:\n{shown}")
    print("every panel has data")


main()
