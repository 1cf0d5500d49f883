"""TLS on the client's side."""

import ssl
from functools import cache
from pathlib import Path


@cache
def trusting(authority_file: Path) -> ssl.SSLContext:
    """Trusts this authority and no other. Kept: making one takes longer than a request."""
    return ssl.create_default_context(cafile=authority_file)
