"""What every row of results carries: command, versions, commit, machine."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
CODE = "src", "bench", ":!bench/results"
"""What numbers depend on; where it differs from the commit, a + stands behind that."""


def provenance() -> dict[str, Any]:
    """Return the command, the versions, the commit and the machine of a run."""
    packages = ("likewise", "torch", "numpy", "scipy")
    return {
        "command": " ".join(["python", *sys.argv]),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "-s", "--", *CODE) else ""),
        "machine": f"{_processor()}, {os.cpu_count()} cores",
    }


def write(name: str, rows: Any) -> None:
    """Write rows to bench/results/NAME.json, with where they come from."""
    RESULTS.mkdir(exist_ok=True)
    document = {**provenance(), "results": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def read(name: str) -> Any:
    """Return the rows that were last written as bench/results/NAME.json."""
    return json.loads((RESULTS / f"{name}.json").read_text())["results"]


def count_processor_seconds() -> None:
    """Let every time limit and duration of this process be seconds of processor time.

    What is learned within a limit then does not depend on what else the machine does.
    """
    time.monotonic = time.perf_counter = time.process_time


def _git(*arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    command = [program, "-C", str(RESULTS.parents[1]), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()
