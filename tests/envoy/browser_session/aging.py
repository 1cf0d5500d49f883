"""Two people whose sessions grow a minute old while other tests run."""

import threading
import time

from browser_session.visits import user

from lab import Bed

_PACE = 3


class Aging:
    """`worker` asks for something every few seconds, `idler` does nothing."""

    def __init__(self, gateway: Bed, bed: Bed):
        # Where their sessions begin, and the replica of it that has a short idle time.
        self.bed = bed
        self.idler, self.worker = gateway.surfer(), gateway.surfer()
        self.idler.sign_in("bob")
        self.worker.sign_in("alice")
        self.begun = time.time()
        assert (user(self.idler, bed.url), user(self.worker, bed.url)) == ("bob", "alice")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more work."""
        self._end.set()
        self._thread.join(30)

    def _work(self) -> None:
        while not self._end.wait(_PACE):
            user(self.worker, self.bed.url)
