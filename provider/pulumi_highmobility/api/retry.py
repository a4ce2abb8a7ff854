"""What is sent again after a failure, how often and when: the one place that decides it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from ..clock import Clock
from ..errors import ApiError, RateLimited, ServerError, TransportError
from .waits import say_wait

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """
    How often a failed call is sent again.

    At most `attempts` in all; before each the wait doubles from `first_wait_s` up to `max_wait_s`
    seconds, of which a random part of up to a half is left out. A Retry-After is waited for in full
    where it asks for no more than `max_retry_after_s` seconds; a longer one ends the call.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    max_wait_s: float = 15.0
    max_retry_after_s: float = 120.0

    def is_worth_repeating(self, error: BaseException, *, repeatable: bool) -> bool:
        """
        True where sending the call again is right.

        A call that is not `repeatable` (the request for clearance) is sent again only where the
        platform cannot have acted on it: it never left, or was turned away with 429.
        """
        if isinstance(error, ApiError) and (error.retry_after_s or 0.0) > self.max_retry_after_s:
            return False
        if isinstance(error, RateLimited):
            return True
        if isinstance(error, TransportError):
            return repeatable or not error.may_have_happened
        return isinstance(error, ServerError) and repeatable

    def wait_s(self, error: BaseException | None, *, attempt: int, rng: random.Random) -> float:
        """Seconds to wait after the failed attempt of this number, counted from 1."""
        doubled = min(self.max_wait_s, self.first_wait_s * 2.0 ** (attempt - 1))
        jittered = doubled * (1 - rng.random() / 2)
        asked_for = error.retry_after_s or 0.0 if isinstance(error, ApiError) else 0.0
        return max(jittered, asked_for)


async def call_with_retries(
    send: Callable[[], Awaitable[T]],
    *,
    policy: RetryPolicy,
    repeatable: bool,
    clock: Clock,
    rng: random.Random,
) -> T:
    """Run `send` until it succeeds, fails for good, or the policy's attempts are used up."""

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wait_s = policy.wait_s(error, attempt=state.attempt_number, rng=rng)
        say_wait(f"the call will be repeated ({error})", wait_s)
        return wait_s

    retrying = tenacity.AsyncRetrying(
        sleep=clock.sleep,
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=wait,
        retry=tenacity.retry_if_exception(
            lambda error: policy.is_worth_repeating(error, repeatable=repeatable)
        ),
        reraise=True,
    )
    return await retrying(send)
