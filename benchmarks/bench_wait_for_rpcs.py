#!/usr/bin/env python3
"""
Pulumi's own cost at the end of a Python program, as a minimal program: it is quadratic in the outputs.

`wait_for_rpcs` waits for all outstanding outputs, and begins anew with the rest at each one that comes. Here they come one after
the other, as from an engine that creates one resource after the other. Four times the time for twice the outputs.
"""

from __future__ import annotations

import asyncio
import time

from pulumi.runtime import settings, stack


async def processor_time(count: int) -> float:
    """The seconds that waiting for so many outputs takes."""
    loop = asyncio.get_running_loop()
    outputs: list[asyncio.Future[None]] = [loop.create_future() for _ in range(count)]
    settings.SETTINGS.outputs.update(outputs)

    async def engine() -> None:
        for output in outputs:
            output.set_result(None)
            await asyncio.sleep(0.001)

    answers = asyncio.ensure_future(engine())
    began = time.process_time()
    await stack.wait_for_rpcs()
    took = time.process_time() - began
    await answers
    return took


if __name__ == "__main__":
    settings.configure(settings.Settings("bench", "bench"))
    for count in (1000, 2000, 4000):
        print(f"{count:,} outputs: {asyncio.run(processor_time(count)):.2f} s of processor time")
