"""TLS: what is spoken and what is not, and a certificate that changes while everybody is talking."""

import http.client
import ssl
from urllib.parse import urlsplit

import pytest
from load import Load
from visitor import Visitor

from lab import Bed, until
from lab.certs import Authority
from lab.envoy import Options
from lab.tls import trusting

HEALTH = "/api/v1/health"
SOUND = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
}
UNSOUND = [
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES128-SHA256",
    "AES128-GCM-SHA256",
    "AES256-SHA",
    "DHE-RSA-AES128-GCM-SHA256",
]
HSTS = "max-age=31536000"


def context(bed: Bed, version: ssl.TLSVersion | None = None, ciphers: str | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=bed.authority_file)
    if version:
        made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers + ":@SECLEVEL=0")
    return made


def greeted(bed: Bed, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A handshake with the gateway."""
    connection = http.client.HTTPSConnection("localhost", urlsplit(bed.url).port, context=context, timeout=10)
    connection.connect()
    return connection.sock


def serial(bed: Bed, context: ssl.SSLContext | None = None) -> int:
    with greeted(bed, context or trusting(bed.authority_file)) as socket:
        return int(socket.getpeercert()["serialNumber"], 16)


@pytest.fixture(scope="module")
def own_bed(open_bed) -> Bed:
    "Its certificates change."
    return open_bed(Options())


def test_versions(bed):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with greeted(bed, context(bed, version)) as socket:
            assert socket.version() == version.name.replace("_", ".")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.warns(DeprecationWarning):
            old = context(bed, version, "ALL")
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
            greeted(bed, old)


def test_plain_http_is_not_spoken_on_the_tls_port(bed):
    connection = http.client.HTTPConnection("localhost", urlsplit(bed.url).port, timeout=10)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.request("GET", HEALTH)
        connection.getresponse()


@pytest.mark.parametrize("use_rsa", [False, True], ids=["ECDSA", "RSA"])
def test_suites(own_bed, use_rsa):
    leaf = own_bed.parts.authority.leaf(use_rsa=use_rsa)
    own_bed.envoy.install(leaf)
    until(lambda: serial(own_bed) == leaf.serial)
    kind = "RSA" if use_rsa else "ECDSA"
    for suite in sorted(suite for suite in SOUND if kind in suite):
        with greeted(own_bed, context(own_bed, ssl.TLSVersion.TLSv1_2, suite)) as socket:
            assert socket.cipher()[0] == suite
    for suite in UNSOUND:
        with pytest.raises(ssl.SSLError, match="ALERT_HANDSHAKE_FAILURE"):
            greeted(own_bed, context(own_bed, ssl.TLSVersion.TLSv1_2, suite))


def test_curves(bed):
    for curve, spoken in (("prime256v1", True), ("X25519", True), ("secp384r1", False), ("secp521r1", False)):
        # In TLS 1.2 the list is about certificates too.
        one = context(bed, ssl.TLSVersion.TLSv1_3)
        one.set_ecdh_curve(curve)
        try:
            greeted(bed, one).close()
            assert spoken, curve
        except ssl.SSLError:
            assert not spoken, curve


def test_application_protocols(bed):
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["spdy/3"], None), ([], None)):
        one = context(bed)
        if offered:
            one.set_alpn_protocols(offered)
        with greeted(bed, one) as socket:
            assert socket.selected_alpn_protocol() == chosen
    # Who offers nothing speaks HTTP/1.1.
    assert bed.client().get(HEALTH).http_version == "HTTP/1.1"
    assert bed.client(http2=True).get(HEALTH).http_version == "HTTP/2"


def test_every_answer_tells_browsers_to_stay_with_https(bed):
    nobody, alice = bed.client(), bed.client("alice")
    answers = [
        nobody.get(HEALTH),
        nobody.get("/api/v1/x"),
        nobody.get("/.airgate/nothing"),
        alice.get("/workspaces"),
        alice.get("/assets/nothing"),
        alice.post("/api/v1/dataplanes/token"),
        alice.get("/api/v1/x%2fy"),
    ]
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 403, 404}
    assert {answer.headers.get("strict-transport-security") for answer in answers} == {HSTS}
    assert {answer.headers["server"] for answer in answers} == {"airgate"}
    refused = Visitor(bed).ask(b"*", method=b"OPTIONS").answer
    assert refused.header("strict-transport-security") == HSTS


@pytest.mark.parametrize("host", [None, "evil.example", "evil.example:80", "localhost\tevil"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_only_says_where_to_go(bed, host, method):
    connection = http.client.HTTPConnection("localhost", urlsplit(bed.http_url).port, timeout=10)
    connection.putrequest(method, "/workspaces/1?code=a%2fb&x=//", skip_host=host is not None)
    if host:
        connection.putheader("Host", host)
    connection.putheader("Authorization", "Bearer x")
    connection.endheaders()
    answer = connection.getresponse()
    if host and "\t" in host:
        assert answer.status == 400
        return
    assert answer.status in (301, 308)
    assert answer.headers["location"] == f"{bed.url}/workspaces/1?code=a%2fb&x=//"
    assert "strict-transport-security" not in answer.headers, "browsers ignore it here"


def test_nothing_passes_over_plain_http(bed):
    connection = http.client.HTTPConnection("localhost", urlsplit(bed.http_url).port, timeout=10)
    connection.request("GET", "//evil.example/%2e%2e", headers={"x-airgate-route": "api"})
    answer = connection.getresponse()
    assert answer.status in (301, 400)
    assert answer.headers.get("location", bed.url).startswith(bed.url)


def test_a_certificate_rotates_under_load(open_bed, envoy_version):
    "By swapping a symlink, twice; new connections see the new one, old ones go on, and none fails."
    bed = open_bed(Options(version=envoy_version))
    veteran = greeted(bed, trusting(bed.authority_file))

    def visit() -> None:
        bed.client().get(HEALTH).raise_for_status()

    with Load(visit, threads=4) as load:
        for _ in range(2):
            before = load.count
            leaf = bed.parts.authority.leaf()
            assert serial(bed) != leaf.serial
            bed.envoy.install(leaf)
            until(lambda: serial(bed) == leaf.serial, what="the new certificate")
            until(lambda: load.count > before + 20)
    assert load.failures == []
    veteran.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert veteran.recv(12) == b"HTTP/1.1 200"


def test_a_certificate_that_does_not_fit_its_key_changes_nothing(own_bed):
    authority = Authority()
    good, other = authority.leaf(), authority.leaf()
    before = serial(own_bed)
    own_bed.envoy.install(type(good)(good.certificate, other.key))
    until(lambda: "KEY_VALUES_MISMATCH" in own_bed.envoy.log(), what="Envoy saying so")
    assert serial(own_bed) == before
