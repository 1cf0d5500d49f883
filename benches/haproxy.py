"""HAProxy's configuration: the job as far as HAProxy does it (2.6, Debian 12)."""

from pathlib import Path

from benches.proxies import TOLD_BACK
from benches.traffic import ADMINS, AUDIENCE, ISSUER, PROBE, REPLICA

_TOKEN = "http_auth_bearer"
_SAYS = {"user": "$.sub", "email": "$.email", "name": "$.name", "client": "$.azp"}


def plain(port: int, workers: int, upstream: str | None) -> str:
    return _written(port, workers, upstream, "", "")


def checking(port: int, workers: int, upstream: str | None, key: Path) -> str:
    """Tokens are verified, the user is named, a policy decides, and clients stay on their replica."""
    query = lambda path: f"{_TOKEN},jwt_payload_query('{path}')"
    rules = [
        f"http-request set-var(txn.alg) {_TOKEN},jwt_header_query('$.alg')",
        "http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }",
        f"http-request deny deny_status 401 unless {{ {query('$.iss')} -m str {ISSUER} }}",
        f"http-request deny deny_status 401 unless {{ {query('$.aud')} -m str {AUDIENCE} }}",
        "http-request set-var(txn.now) date()",
        f"http-request set-var(txn.exp) {_TOKEN},jwt_payload_query('$.exp','int')",
        "http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }",
        f"http-request deny deny_status 401 unless {{ {_TOKEN},jwt_verify(txn.alg,\"{key}\") -m int 1 }}",
        # 2.6 reads no lists, only what stands at a place in one.
        f"http-request set-var(txn.group) {query('$.groups[0]')}",
        *(f"http-request set-header x-airgate-{name} %[{query(path)}]" for name, path in _SAYS.items()),
        "http-request set-header x-airgate-auth bearer",
        "http-request set-header x-forwarded-host localhost",
        "http-request set-header x-forwarded-proto https",
        "http-request del-header authorization",
        "http-request del-header x-airbyte-user-id",
        "http-request del-header forwarded",
        f"acl admin var(txn.group) -m str {ADMINS}",
        "acl reader var(txn.group) -m str readers",
        "acl reads method GET HEAD",
        "acl api path_beg /api/",
        "http-request deny deny_status 403 unless admin or reader reads api",
    ]
    cookie = f"cookie {REPLICA} insert indirect nocache httponly secure"
    return _written(port, workers, upstream, "\n  ".join(rules), cookie)


def _written(port: int, workers: int, upstream: str | None, rules: str, cookie: str) -> str:
    told = " ".join(f"hdr {name} %[req.hdr({header})]" for name, header in TOLD_BACK.items())
    answer = 'http-request return status 200 content-type text/plain string "ok"'
    backend = f"backend replicas\n  {cookie}\n  server a {upstream} cookie a\n" if upstream else ""
    return f"""\
global
  nbthread {workers}
  maxconn 1000
defaults
  mode http
  option http-keep-alive
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend bench
  bind 127.0.0.1:{port}
  {rules}
  http-request return status 200 content-type text/plain string "ok" {told} if {{ path {PROBE} }}
  {"default_backend replicas" if upstream else answer}
{backend}"""
