"""What changes while it runs. Each is done as a careful operator does it, so that nobody may notice anything."""

from collections import Counter
from itertools import count, cycle

from soak.visitors import ECHO, Visitors

from lab import Bed, until
from lab.forge import make_key
from lab.rogue import Rogue, Site
from lab.standin import Standin


class Disturbances:
    """One after the other, in turn."""

    def __init__(self, bed: Bed, rogue: Rogue, site: Site, visitors: Visitors):
        self._bed = bed
        self._rogue = rogue
        self._site = site
        self._visitors = visitors
        self._client = bed.client(timeout=30)
        self._generations = count(1)
        self.counts: Counter[str] = Counter()
        ways = [self._reload, self._replica, self._outage, self._keys]
        self.kinds = len(ways)
        self._turns = cycle(ways)

    def next(self) -> None:
        disturb = next(self._turns)
        disturb()
        self.counts[disturb.__name__.strip("_")] += 1

    def _reload(self) -> None:
        rule = {"then": {"headers": {"x-generation": str(next(self._generations))}}}
        assert self._bed.envoy.reload({"routing": {"rules": [rule]}})

    def _replica(self) -> None:
        """Taken out, left to finish, restarted."""
        standin = self._bed.standins[next(self._generations) % 2]
        standin.control(healthy=False)
        until(lambda: self._healthy() == 1, 30, "the replica being left out")
        # By then every worker has heard of it.
        self._visitors.go_round()
        until(lambda: at_work(standin) == 0, 30, "its calls having ended")
        standin.stop()
        standin.start()
        until(lambda: self._healthy() == 2, 30, "the replica being back")

    def _outage(self) -> None:
        """Both providers are away; nobody signs in meanwhile, and nobody else minds."""
        with self._visitors.provider:
            before = self._counted("refreshes.outage")
            self._rogue.stop()
            self._bed.provider.down()
            try:
                until(lambda: self._counted("refreshes.outage") > before, 60, "a refresh in vain")
            finally:
                self._bed.provider.down(False)
                self._rogue.start()

    def _keys(self) -> None:
        """The new key is published, then used, and then the old one goes. The sessions' provider does all at once."""
        self._bed.provider.rotate(drop=True)
        old, new = self._site.signing[0], make_key("ES256", f"key-{next(self._generations)}")
        self._site.keys.append(new.jwk())
        token = self._site.token(new)
        # Strangers ask for keys nobody has, so the gateway looks now and then.
        until(lambda: self._known_everywhere(token), 60, "the new key being known", every=0.2)
        self._site.signing[0] = new
        self._visitors.go_round()
        self._site.keys.remove(old.jwk())

    def _known_everywhere(self, token: str) -> bool:
        """On new connections, whichever worker takes them."""
        fields = {"authorization": f"Bearer {token}", "connection": "close"}
        return all(self._client.get(ECHO, headers=fields).status_code == 200 for _ in range(12))

    def _healthy(self) -> int:
        return self._bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1]

    def _counted(self, name: str) -> int:
        return self._bed.envoy.stats(rf"^wasmcustom\.airgate\.{name}$").popitem()[1]


def at_work(standin: Standin) -> int:
    """Requests that it has not answered."""
    return sum(one.get("status") is None and not one.get("aborted") for one in standin.requests())
