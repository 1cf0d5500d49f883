"""The Kubernetes objects in the manifests."""

from pathlib import Path
from typing import Any

import yaml

from lab.bootstrap import _map_strings
from lab.paths import EXAMPLE

ISTIO, KUBERNETES, ENVOY_GATEWAY = EXAMPLE / "istio", EXAMPLE / "kubernetes", EXAMPLE / "envoy-gateway"
