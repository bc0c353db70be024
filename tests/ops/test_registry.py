"""Every operation of the registry keeps the contract."""

from __future__ import annotations

import pytest

from einsyn.ops import OPS
from einsyn.testing import check_op


@pytest.mark.parametrize("name", sorted(OPS))
def test_contract(name: str) -> None:
    check_op(OPS[name])
