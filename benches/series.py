"""Which candidates are measured together, in the whole run and in the quick one."""

from benches.candidates import Candidates, Setting
from benches.measuring import Series

# Distinct tokens. airgate remembers 7 MiB of them and of what they say; of these here that is some 3,350.
WITHIN_BOUND, BEYOND_BOUND = 3000, 10_000


def whole(all_: Candidates, upstream: str) -> list[Series]:
    peer = [peer] if (peer := all_.peer()) else []
    ours = lambda: [all_.known_token(), all_.unrecorded(), all_.known_session()]
    reference = lambda: [all_.bare(), all_.floor(), all_.native(), all_.haproxy(), *ours(), *peer]
    return [
        Series("main", "One worker, short headers", Setting(), [
            all_.bare(), all_.empty(), all_.floor(),
            all_.jwt_authn(), all_.jwt_authn(cached=True), all_.native(),
            all_.plain_haproxy(), all_.haproxy(),
            *ours(), *peer,
        ]),
        Series("new", "Tokens and sessions never seen before", Setting(), [
            all_.jwt_authn("RS256", name="jwt_authn, RS256"),
            all_.new_token("RS256"),
            all_.jwt_authn("ES256"), all_.new_token("ES256"),
            all_.jwt_authn("EdDSA"), all_.new_token("EdDSA"),
            all_.new_token("RS256", "software"), all_.new_token("ES256", "software"),
            all_.new_session(),
        ]),
        Series("tokens", "How many distinct tokens, in random order", Setting(), [
            *(all_.tokens(count) for count in (1, 100, WITHIN_BOUND, BEYOND_BOUND)),
            *(all_.jwt_authn_tokens(count) for count in (1, 100, WITHIN_BOUND, BEYOND_BOUND)),
        ]),
        Series("rules", "How many rules of a policy", Setting(), [
            all_.known_token("airgate, no rule"), all_.rules(10), all_.rules(1000),
        ]),
        Series("providers", "How many providers", Setting(), [all_.providers(1), all_.providers(20)]),
        Series("long", "One worker, long headers", Setting(headers="long"), reference()),
        Series("workers", "Two workers, short headers", Setting(workers=2), reference()),
        Series("proxied", "One worker, answers from an upstream", Setting(upstream=upstream), reference()),
    ]  # fmt: skip


def quick(all_: Candidates, upstream: str) -> list[Series]:
    return [
        Series("main", "One worker, short headers", Setting(), [
            all_.bare(), all_.floor(), all_.jwt_authn(), all_.native(), all_.haproxy(),
            all_.known_token(), all_.unrecorded(), all_.known_session(),
        ]),
        Series("new", "Tokens never seen before", Setting(), [all_.jwt_authn("RS256"), all_.new_token("RS256")]),
    ]  # fmt: skip


