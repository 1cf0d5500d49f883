"""People who keep asking while something else happens."""

import threading
from collections.abc import Callable


class Load:
    """Calls `visit` over and over in threads; whatever it raises is a failure."""

    def __init__(self, visit: Callable[[], None], threads: int = 4):
        self._visit = visit
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.count = 0
        self.failures: list[BaseException] = []

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                self._visit()
                self.count += 1
            except Exception as error:  # whatever it is, the test wants to see it
                self.failures.append(error)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(30)
