"""What a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("einsyn", "numpy", "onnx", "onnxruntime", "torch")


def versions(*more: str) -> dict[str, str]:
    """Versions of python and of the packages that run networks; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
