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
import importlib, os, sys, threading

# Other people's modules, once: what is tried is ours, in a process of its own each time.
import httpx, jwt, msgspec, pulumi.dynamic, tenacity, yaml

import pulumi_highmobility

sys.setswitchinterval(1e-6)
names = sys.argv[1:]

def load(name, start, failures):
    start.wait()
    try:
        importlib.import_module("pulumi_highmobility." + name)
    except BaseException as error:
        failures.append(f"{name}: {error!r}")

def load_all():
    start, failures = threading.Barrier(len(names)), []
    threads = [threading.Thread(target=load, args=(name, start, failures)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*failures, sep="\\n", end="", flush=True)
    return len(failures)

for _ in range(ROUNDS):
    child = os.fork()
    if not child:
        os._exit(bool(load_all()))
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""
# One finds such a fault every second or third time.
ROUNDS = 12


def test_threads_that_import_at_once_do_not_lock_each_other_out() -> None:
    """`import package.module` locks the module, then its package: a package that imports modules locks the other way."""
    script = TOGETHER.replace("ROUNDS", str(ROUNDS))
    done = subprocess.run([sys.executable, "-c", script, *LATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
