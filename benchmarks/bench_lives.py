"""The lives that are measured: one stack with one provider, from an empty state to a destroyed one, on the real engine."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pulumi_highmobility.testing import EmulatorProcess

HERE = Path(__file__).resolve().parent

# The class has no attributes: a dynamic provider with some cannot go beyond a few hundred resources.
_DYNAMIC = """
from pulumi.dynamic import Resource
from bench_{module} import {provider}
class Vehicle(Resource, module="bench", name="Vehicle"): ...
for number in range({{size}}):
    Vehicle({provider}(), f"van-{{{{number}}}}", {{{{"vin": f"WBA8E9C50GK{{{{number:06}}}}", "brand": "bmw", "status": None}}}})
"""
_ENROLLMENT = """
import pulumi_highmobility as hm
rows = [{{{{"vin": f"WBA8E9C50GK{{{{number:06}}}}", "brand": "bmw"}}}} for number in range({{size}})]
hm.FleetEnrollment("vans", vehicles=rows, as_one={as_one})
"""
PROGRAMS = {
    "nothing": _DYNAMIC.format(module="nothing", provider="NothingProvider"),
    "ours": """
import pulumi_highmobility as hm
for number in range({size}):
    hm.FleetVehicle(f"van-{{number}}", vin=f"WBA8E9C50GK{{number:06}}", brand="bmw")
""",
    "naive": _DYNAMIC.format(module="naive", provider="NaiveProvider"),
    "Fleet": """
import pulumi_highmobility as hm
rows = [{{"vin": f"WBA8E9C50GK{{number:06}}", "brand": "bmw"}} for number in range({first}, {first} + {size})]
hm.Fleet("vans", vehicles=rows)
""",
    "enrollment": _ENROLLMENT.format(as_one=False),
    "enrollment as one": _ENROLLMENT.format(as_one=True),
}
PROGRAMS |= {"plugin": PROGRAMS["ours"], "Fleet of the plugin": PROGRAMS["Fleet"]}
# Of the native plugin, by the name of a provider here: what chooses it in a Python program.
_PLUGIN = {"plugin", "Fleet of the plugin"}

_UP = ["up", "--yes", "--skip-preview"]
_REFRESH = ["refresh", "--yes", "--skip-preview"]
OPERATIONS = {
    "create": _UP,
    "no-op up": _UP,
    "preview": ["preview"],
    "refresh": _REFRESH,
    "destroy": ["destroy", "--yes", "--skip-preview"],
}
ENROLLMENT_OPERATIONS = {
    "create": _UP,
    "up that sees the approvals": [*_UP, "--refresh"],
    "no-op up": _UP,
    "refresh": _REFRESH,
    "destroy": OPERATIONS["destroy"],
}
FLEET_OPERATIONS = {
    "empty": _UP,
    "create": _UP,
    "no-op up": _UP,
    "preview": ["preview"],
    "change of 10 rows": _UP,
    "refresh": _REFRESH,
}
# Of those that do not run OPERATIONS.
OPERATIONS_OF = {
    "Fleet": FLEET_OPERATIONS,
    "Fleet of the plugin": FLEET_OPERATIONS,
    "enrollment": ENROLLMENT_OPERATIONS,
    "enrollment as one": ENROLLMENT_OPERATIONS,
}


class BenchmarkFailed(Exception):
    """What was measured did not work, so that its figures say nothing."""


@dataclass(frozen=True)
class Measured:
    """
    One operation: seconds, requests by route, peak memory in MiB and seconds of CPU of engine, program, provider, emulator.

    `done` is the share of the vehicles that were through where it was ended early, otherwise 1; `state_bytes` is what the
    stack's file has afterwards.
    """

    seconds: float
    requests: dict[str, int]
    peak_mib: dict[str, int]
    cpu_s: dict[str, float]
    done: float = 1.0
    state_bytes: int = 0


def one_life(
    provider: str,
    size: int,
    emulator: EmulatorProcess,
    *,
    bound_s: float | None = None,
    tell: Callable[[str], None],
) -> dict[str, Measured]:
    """
    Run every operation once, in a new project against an emptied emulator.

    A refresh that takes longer than `bound_s` is ended there.

    Raises: BenchmarkFailed, where pulumi fails or a vehicle is asked for twice.
    """
    emulator.controls.reset()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        _write_program(project, provider, "", size=size)
        (project / "state").mkdir()
        environment = os.environ | emulator.environment | {
            "PULUMI_BACKEND_URL": f"file://{project / 'state'}",
            "PULUMI_HOME": str(project / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of the benchmark",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Pulumi runs pip at each `up`; its look for a newer pip takes seconds where the index does not answer.
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONPATH": str(HERE),
            **({"HIGHMOBILITY_PLUGIN": "true"} if provider in _PLUGIN else {}),
        }  # fmt: skip
        _pulumi(["stack", "init", "bench"], project, environment, _Watch())
        for name, command in OPERATIONS_OF.get(provider, OPERATIONS).items():
            tell(name)
            first = 10 if name in ("change of 10 rows", "refresh") else 0
            _write_program(project, provider, name, size=size, first=first)
            if name in ("refresh", "up that sees the approvals"):
                emulator.controls.advance(10)  # past the approval, so that there is something to see
            emulator.controls.clear_requests()
            emulator_cpu_s = _cpu_s(psutil.Process(emulator.process.pid))
            began = time.monotonic()
            watch = _Watch()
            stopped_after = _pulumi(
                command, project, environment, watch, bound_s=bound_s if name == "refresh" else None
            )
            seconds = time.monotonic() - began
            emulator_cpu_s = _cpu_s(psutil.Process(emulator.process.pid)) - emulator_cpu_s
            lines = emulator.controls.requests()
            _check_asked_once(f"{provider}, {name}", lines)
            done = 1.0
            if stopped_after is not None:
                seconds = stopped_after
                done = len({vin for line in lines if line["status"] == 200 for vin in line["vins"]}) / size
            found[name] = Measured(
                seconds, _by_route(lines), watch.peak_mib, {**watch.cpu_s, "emulator": emulator_cpu_s}, done,
                (project / "state/.pulumi/stacks/bench/bench.json").stat().st_size,
            )  # fmt: skip
    return found


def _write_program(project: Path, provider: str, operation: str, *, size: int, first: int = 0) -> None:
    file = project / "Pulumi.yaml"
    if provider == "YAML":
        file.write_text(
            "name: bench\nruntime: yaml\nresources:\n" + "".join(map(_IN_YAML.format, range(size)))
        )
        return
    file.write_text("name: bench\nruntime: python\n")
    text = "" if operation == "empty" else PROGRAMS.get(provider, "").format(size=size, first=first)
    (project / "__main__.py").write_text(text)


_IN_YAML = """  van-{0}:
    type: highmobility:FleetVehicle
    properties: {{ vin: WBA8E9C50GK{0:06}, brand: bmw }}
"""


def _check_asked_once(where: str, lines: list[dict[str, Any]]) -> None:
    asked = Counter(
        vin
        for line in lines
        if line["method"] == "POST" and "vehicles" in line["path"]
        for vin in line["vins"]
    )
    twice = [vin for vin, times in asked.items() if times > 1]
    if twice:
        raise BenchmarkFailed(f"{where}: {len(twice)} vehicles were asked for twice, {twice[0]} among them")


def _by_route(lines: list[dict[str, Any]]) -> dict[str, int]:
    return dict(
        Counter(
            f"{line['method']} {'…/{vin}' if line['path'].count('/') > 2 else line['path']}" for line in lines
        )
    )


def _pulumi(
    command: list[str],
    project: Path,
    environment: dict[str, str],
    watch: _Watch,
    *,
    bound_s: float | None = None,
) -> float | None:
    """Run it to its end; the seconds after which it was interrupted, if it was."""
    began = time.monotonic()
    process = subprocess.Popen(
        ["pulumi", *command, "--non-interactive", "--color=never"],
        cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    stopped_after = None
    with watch.over(process.pid):
        try:
            output, _ = process.communicate(timeout=bound_s)
        except subprocess.TimeoutExpired:
            stopped_after = time.monotonic() - began
            process.send_signal(signal.SIGINT)  # the engine lets what is under way end, and keeps the state
            output, _ = process.communicate()
    if process.returncode != 0 and stopped_after is None:
        raise BenchmarkFailed(f"pulumi {command[0]} failed:\n{output[-3000:]}")
    return stopped_after


class _Watch:
    """Looks at Pulumi's processes five times a second: peak memory in MiB and seconds of CPU, by part."""

    def __init__(self) -> None:
        self.peak_mib: dict[str, int] = {}
        self.cpu_s: dict[str, float] = {}
        self._ended = threading.Event()

    @contextmanager
    def over(self, pid: int) -> Iterator[None]:
        """While the block runs; `pid` is the engine's."""
        thread = threading.Thread(target=self._look, args=(pid,))
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self, pid: int) -> None:
        while not self._ended.wait(0.2):
            try:
                engine = psutil.Process(pid)
                running = [engine, *engine.children(recursive=True)]
            except psutil.Error:
                return
            for process in running:
                try:
                    part = "engine" if process.pid == pid else _part_of(" ".join(process.cmdline()))
                    if part:
                        size = process.memory_info().rss // 2**20
                        self.peak_mib[part] = max(self.peak_mib.get(part, 0), size)
                        self.cpu_s[part] = max(self.cpu_s.get(part, 0), _cpu_s(process))
                except psutil.Error:
                    continue


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _part_of(command: str) -> str | None:
    """Which part of Pulumi a process is, by its command line; None of what is small and always the same."""
    if "pulumi-language-python" in command.split(" ", 1)[0] or "python" not in command:
        return None
    is_provider = any(
        part in command
        for part in (
            "dynamic",
            "pulumi-resource-pulumi-python",
            "resource-highmobility",
            "highmobility.plugin",
        )
    )
    return "provider" if is_provider else "program"
