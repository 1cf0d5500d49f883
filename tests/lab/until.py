"""Waiting for conditions, with a deadline, instead of sleeping for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 10, what: str = "the condition", every: float = 0.01) -> T:
    """The first true value of `condition`, or AssertionError after `timeout` seconds.

    `condition` may raise AssertionError to say that it does not hold yet; the last
    such message is part of the final one.
    """
    deadline = time.monotonic() + timeout
    reason = ""
    while True:
        try:
            if value := condition():
                return value
        except AssertionError as error:
            reason = f": {error}"
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {timeout:g} s{reason}")
        time.sleep(every)
