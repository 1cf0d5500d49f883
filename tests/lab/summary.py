"""What `make demo` tells a person: where to click and what to curl."""

import os
import sys

from lab.envoy import NEWEST
from lab.paths import MODULE

_TEXT = """
{bold}airgate{plain}  Envoy {version} with airgate.wasm ({kilobytes} kB), in front of two stand-ins of Airbyte

  gateway    {url}
  provider   {issuer}   people alice (admin), bob (editor), carol (reader); clients ci-bot (editor), agent (reader)
  Envoy      {admin}   its metrics and configuration

{bold}Click{plain}      (the browser will not know the demo's certificate authority, .demo/ca.crt)
  {url}/   sign in by typing a name: alice, bob or carol, with any password
  {url}/.airgate/me   who you are, and the way out
  {admin}/stats?filter=airgate

{bold}Curl{plain}       (in another terminal, in this folder)
  curl -i --cacert .demo/ca.crt {url}/api/public/v1/workspaces
  curl --cacert .demo/ca.crt -H "Authorization: Bearer $(make -s token FOR=alice)" {url}/api/public/v1/workspaces
  curl --cacert .demo/ca.crt -H "Authorization: Bearer $(make -s token FOR=alice)" {url}/api/v1/standin/echo
  curl --cacert .demo/ca.crt -H "Authorization: Bearer $(make -s token FOR=carol)" -X DELETE {url}/api/public/v1/sources/1

{bold}Python{plain}     (the unmodified airbyte-api SDK, as the client ci-bot)
  (set -a; . .demo/env; SSL_CERT_FILE=$CA_CERT .build/venv/bin/python tests/lab/sdk_example.py)

Ctrl-C stops it.
"""


def summary(environment: dict[str, str]) -> str:
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return _TEXT.format(
        bold="\033[1m" if colours else "",
        plain="\033[0m" if colours else "",
        version=NEWEST,
        kilobytes=MODULE.stat().st_size // 1000,
        url=environment["GATEWAY_URL"],
        issuer=environment["ISSUER"],
        admin=environment["ENVOY_ADMIN"],
    )
