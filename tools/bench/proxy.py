"""Measures what a proxy adds to each message, `voicelt record` beside nginx, and prints a table.

    sudo apt-get install nginx-light
    venv/bin/python tools/bench/proxy.py            # 200 calls, 3 rounds, about 12 minutes
    venv/bin/python tools/bench/proxy.py --quick    # a smoke test

The sender is `voicelt replay`, pinned to one core; the receiver is the sink, pinned to the other
together with the proxy. What is added is the difference between the receiver's error with the proxy
and without it, all sides in turns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measure import SINK_CORE, TICK_S, WARMUP_S, Run, Server
from schedule import Bench, interleaved, machine, median, shown

# Of the receiver, which the proxy shares its core with.
PINNED = ["taskset", "-c", SINK_CORE]
NGINX = """
{user}
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
daemon off;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    http2_max_concurrent_streams 1024;
    upstream gateway {{ server {target}; keepalive 512; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} http2 reuseport;
        client_body_timeout 1h;
        location / {{
            grpc_pass grpc://gateway;
            grpc_socket_keepalive on;
            grpc_read_timeout 1h;
            grpc_send_timeout 1h;
        }}
    }}
}}
"""


class Nginx:
    """nginx, which does not say when it listens."""

    def __init__(self, command: list[str], port: int) -> None:
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{port}"
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(f"nginx does not listen: {self.process.communicate()[1]}")

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]


Proxy = Server | Nginx


def cpu_s(process: subprocess.Popen[str]) -> float:
    """Of the process and its children."""
    pid, total = str(process.pid), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if stat.parent.name == pid or fields[1] == pid:
            total += int(fields[11]) + int(fields[12])
    return total * TICK_S


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def recorder(bench: Bench, *flags: str) -> Callable[[str], Proxy]:
    def start(target: str) -> Proxy:
        out = bench.place / "live.vtrace"
        shutil.rmtree(out, ignore_errors=True)
        listen = ["--listen", "127.0.0.1:0", "--upstream", target, "-o", str(out)]
        record = [str(bench.voicelt), "record", *listen, "--workers", "1", *flags]
        return Server([*PINNED, *record])

    return start


def nginx(bench: Bench, binary: str) -> Callable[[str], Proxy]:
    def start(target: str) -> Proxy:
        port = free_port()
        config = bench.place / "nginx.conf"
        # As root it would run its worker as somebody who cannot enter our folder.
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(NGINX.format(place=bench.place, target=target, port=port, user=user))
        return Nginx([*PINNED, binary, "-p", str(bench.place), "-c", str(config)], port)

    return start


def through(bench: Bench, calls: int, side: str, start: Callable[[str], Proxy] | None) -> Run:
    """One run, with a proxy between sender and receiver unless `start` is None."""
    proxies: list[Proxy] = []

    def before(target: str) -> str:
        if start is None:
            return target
        proxies.append(start(target))
        return proxies[0].address

    try:
        run = bench.ours(calls, before=before)
    finally:
        cpu = [cpu_s(proxy.process) for proxy in proxies]
        said = [proxy.stop() for proxy in proxies]
    run.side = side
    run.cpu_ms = sum(cpu) * 1e6 / run.expected
    for line in "".join(said).splitlines():
        if line.startswith(("added", "lost", "stopped", "failed")):
            print(f"  {line}", file=sys.stderr)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a smoke test of short runs")
    args = parser.parse_args()
    # Debian puts it where only root looks.
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        sys.exit("nginx is not installed; on Debian: apt-get install nginx-light")
    calls, rounds, seconds = (20, 1, WARMUP_S + 3) if args.quick else (200, args.rounds, WARMUP_S + 30)
    bench = Bench(seconds)
    kinds: dict[str, Callable[[str], Proxy] | None] = {
        "no proxy": None,
        "voicelt record --timing-only": recorder(bench, "--timing-only"),
        "voicelt record --keep audio": recorder(bench, "--keep", "audio"),
        "nginx grpc_pass": nginx(bench, binary),
    }
    sides = {
        name: lambda name=name, start=start: through(bench, calls, name, start)
        for name, start in kinds.items()
    }
    try:
        found = interleaved(sides, rounds)
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    print("\n".join(machine()))
    print(f"| {calls} calls through | receiver error p50 / p99 / max | added p50 / p99 | proxy's CPU per 1,000 chunks, whole run | receiver busy | arrived | steal |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    base, missed = found["no proxy"], []
    for name, runs in found.items():
        error = [median(runs, lambda r: r.error[q]) for q in ("p50", "p99", "max")]
        added = [
            median(runs, lambda r: r.error[q]) - median(base, lambda r: r.error[q])
            for q in ("p50", "p99")
        ]
        cells = [
            name,
            " / ".join(shown(figure) for figure in error),
            " / ".join(shown(figure) for figure in added) if runs is not base else "–",
            f"{median(runs, lambda r: r.cpu_ms):.1f} ms" if runs is not base else "–",
            f"{median(runs, lambda r: r.sink_busy):.0f} %",
            f"{median(runs, lambda r: 100 * r.arrived / r.expected):.1f} %",
            f"{median(runs, lambda r: r.steal):.1f} %",
        ]
        print("| " + " | ".join(cells) + " |")
        if name.startswith("voicelt") and not args.quick and (added[0] > 100 or added[1] > 1000):
            missed.append(name)
    if missed:
        print(f"\nOver 100 µs at p50 or 1 ms at p99: {', '.join(missed)}")
    if len(found) < len(kinds):
        sys.exit("a side failed")


if __name__ == "__main__":
    main()
