"""Functions in a plain program, without an engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

FORK = """
import os
import pulumi_highmobility as hm

before = len(hm.get_fleet())
child = os.fork()
if child == 0:
    os._exit(10 + len(hm.get_fleet()))
_, status = os.waitpid(child, 0)
print(before, os.waitstatus_to_exitcode(status), len(hm.get_fleet()))
"""

POOL = """
import multiprocessing
import pulumi_highmobility as hm

def count(_):
    return len(hm.get_fleet())

if __name__ == "__main__":
    first = count(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(first, *pool.map(count, range(3), chunksize=1))
"""

FORK_WHILE_THE_LOCK_IS_HELD = """
import os, threading
import pulumi_highmobility as hm
from pulumi_highmobility.dynamic.bridge import BRIDGE

hm.get_fleet()
with BRIDGE._lock:
    child = os.fork()
    if child == 0:
        os._exit(10 + len(hm.get_fleet()))
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""

GRANDCHILD = """
import os
import pulumi_highmobility as hm

hm.get_fleet()
if os.fork() == 0:
    hm.get_fleet()
    child = os.fork()
    if child == 0:
        os._exit(10 + len(hm.get_fleet()))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)
os.wait()
"""

VINS_TWICE_AND_MANY = """
import pulumi_highmobility as hm
print(len(hm.get_fleet(vins=[f"wba8e9c50gk{number:06}" for number in range(3000)] * 2)))
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="0s") as running:
        yield running


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (FORK, "0 10 0"),
        (POOL, "0 0 0 0"),
        (FORK_WHILE_THE_LOCK_IS_HELD, "10"),
        (GRANDCHILD, "10"),
        (VINS_TWICE_AND_MANY, "0"),
    ],
    ids=["fork", "pool", "fork while the lock is held", "grandchild", "many VINs"],
)
def test_a_program_may_fork_and_read_many(emulator: RunningEmulator, program: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **emulator.environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout.splitlines()[-1:], done.returncode) == ([printed], 0), done.stderr
