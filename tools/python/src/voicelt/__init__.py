"""Load tests of streaming voice gateways: results and traces in polars, and tests from Python.

`load_run` and `read_trace` open what the command `voicelt` writes, `TraceBuilder` writes traces,
and `LoadTestRunner` runs load tests as `load_test.py` did.
"""

from voicelt.builder import Clip, TraceBuilder
from voicelt.collector import LoadTestCollector
from voicelt.config import LoadTestConfig, TestScenario
from voicelt.errors import BadInput, CommandFailed, NotReadable, TargetUnreachable, VoiceltError
from voicelt.load_test import LoadTestRunner, run_load_test
from voicelt.runs import Run, load_run
from voicelt.traces import Trace, read_trace

ResultsCollector = LoadTestCollector
"""Its name in `load_test.py`."""

__all__ = [
    "BadInput",
    "Clip",
    "CommandFailed",
    "LoadTestCollector",
    "LoadTestConfig",
    "LoadTestRunner",
    "NotReadable",
    "ResultsCollector",
    "Run",
    "TargetUnreachable",
    "TestScenario",
    "Trace",
    "TraceBuilder",
    "VoiceltError",
    "load_run",
    "read_trace",
    "run_load_test",
]
