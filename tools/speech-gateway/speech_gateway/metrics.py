"""What the gateway shows to Prometheus, under the names that gateways of this protocol use."""

from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from .settings import CannotListen

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)


class Metrics:
    """Counts and times, in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.asr = self._times("asr_latency", "End of speech to final transcript.")
        self.llm_ttft = self._times("llm_ttft", "Final transcript to first text.")
        self.llm_total = self._times("llm_total", "Final transcript to last text.")
        self.tts = self._times("tts_latency", "First text to first audio.")
        self.e2e = self._times("e2e_latency", "Final transcript to first audio.")
        self.requests = Counter(
            "voice_gateway_requests",
            "Answers, by how they ended.",
            ["status"],
            registry=self.registry,
        )
        for status in ("success", "error"):
            self.requests.labels(status)
        self.active_streams = Gauge(
            "voice_gateway_active_streams", "Streams open now.", registry=self.registry
        )

    def serve(self, address: str) -> WSGIServer:
        """Shows them at `address` until the server that is given is shut down.

        Raises CannotListen.
        """
        host, _, port = address.rpartition(":")
        try:
            exporter, _ = start_http_server(int(port), host, self.registry)
        except OSError as error:
            why = error.strerror or str(error)
            raise CannotListen("metrics", address, "--metrics-addr", why) from None
        return exporter

    def _times(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"voice_gateway_{name}_seconds", about, buckets=_BUCKETS_S, registry=self.registry
        )
