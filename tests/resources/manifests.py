"""Manifests as JSON objects, in the form of earlier versions (without a seal) and in the present one."""

import json
from typing import Any

from resources.manifest import FORMAT
from resources.store import digest


def unsealed(data: bytes) -> dict[str, Any]:
    """The fields of a manifest, as an earlier version wrote them."""
    return {name: value for name, value in json.loads(data).items() if name not in ("format", "seal")}


def dumps_unsealed(saved: Any) -> bytes:
    return json.dumps(saved, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "backslashreplace")


def dumps_sealed(saved: Any) -> bytes:
    """As `Manifest.dumps`, for fields that no manifest may have."""
    body = dumps_unsealed({**saved, "format": FORMAT})
    return body.removesuffix(b"\n}") + f',\n "seal": "{digest(body)}"\n}}'.encode()
