"""The test bed: a real Envoy with the module, a real OpenID provider, the Airbyte stand-in.

`Bed` is all of it in one context manager; the demo and the tests are built on it.
Below it, one file for each noun: `envoy`, `bootstrap`, `provider`, `standin`, `certs`, `process`, `ports`.
"""

from lab.bed import Bed, Parts
from lab.until import until

__all__ = ["Bed", "Parts", "until"]
