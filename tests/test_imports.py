"""Modules can be imported by several threads at once: a provider process does so at its first operations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pulumi_highmobility

ROOT = Path(pulumi_highmobility.__file__).parent
# What a program imports comes with the first of it: a thread may be the one that asks.
LATE = [
    "public",
    *sorted(
        f"{file.parent.name}.{file.stem}"
        for part in ("api", "vehicle", "clearance", "fleet", "files", "run")
        for file in (ROOT / part).glob("[a-z]*.py")
    ),
]

TOGETHER = """
import importlib, sys, threading

import pulumi_highmobility

sys.setswitchinterval(1e-6)
names = sys.argv[1:]
start = threading.Barrier(len(names))
failures = []

def load(name):
    start.wait()
    try:
        importlib.import_module("pulumi_highmobility." + name)
    except BaseException as error:
        failures.append(f"{name}: {error!r}")

threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit("\\n".join(failures) or 0)
"""


def test_threads_that_import_at_once_do_not_lock_each_other_out() -> None:
    """`import package.module` locks the module, then its package: a package that imports modules locks the other way."""
    for _ in range(8):
        done = subprocess.run(
            [sys.executable, "-c", TOGETHER, *LATE], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
