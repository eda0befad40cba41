"""The whole-system benchmark: what is started, what is measured, and how it is told."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1]
PROJECT = BENCHMARKS.parent

# The end-to-end tests' processes: a real Redis, a real nginx with the files in deploy/, the handler.
sys.path.insert(0, str(PROJECT / "Tests" / "EndToEnd"))
