"""
Writes reference.json: incidences by scikit-survival, to compare ours with.

Run in an environment of its own, since scikit-survival is too heavy for the tests:
`pip install scikit-survival==0.28.0 && python tests/report/make_reference.py`.
"""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

# 0 is censored, 1 approved, 2 rejected or canceled; in sksurv's own numbers.
SAMPLES = ((1, 12, 6), (2, 40, 1000), (3, 200, 30), (4, 300, 100_000))


def sample(seed: int, size: int, times: int) -> list[tuple[int, int]]:
    """
    Pairs of a time from 1 to `times` and an outcome, with ties where `times` are few.

    The last one is censored: where nobody is left, this variance divides zero by zero in the library.
    """
    rng = random.Random(seed)
    drawn = [(rng.randint(1, times), rng.choices((0, 1, 2), (2, 6, 2))[0]) for _ in range(size)]
    return [*drawn, (times + 1, 0)]


def reference(observed: list[tuple[int, int]]) -> dict[str, Any]:
    """Time, incidence of both outcomes and 95 % log-log limits of the first, at each time with an end."""
    import numpy as np  # noqa: PLC0415 - only here, as the test reads the samples from this module
    from sksurv.nonparametric import cumulative_incidence_competing_risks  # noqa: PLC0415

    time = np.array([float(at) for at, _ in observed])
    event = np.array([outcome for _, outcome in observed])
    times, incidence, limits = cumulative_incidence_competing_risks(
        event, time, conf_type="log-log", var_type="Dinse_Approx"
    )
    rows = []
    for place, at in enumerate(times):
        if any(outcome and when == at for when, outcome in observed):
            numbers = [incidence[1][place], incidence[2][place], *limits[1][:, place]]
            rows.append([float(at), *(round(float(number), 12) for number in numbers)])
    return {"observed": observed, "rows": rows}


def main() -> None:
    """Write the file beside this one."""
    found = {
        "library": f"scikit-survival {version('scikit-survival')}, var_type Dinse_Approx, conf_type log-log",
        "samples": [reference(sample(*kind)) for kind in SAMPLES],
    }
    text = json.dumps(found).replace("], [", "],\n[")
    Path(__file__).with_name("reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
