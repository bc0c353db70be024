"""The pytest plugin: a test marked with `einsyn` runs for networks that einsyn generates.

    @pytest.mark.einsyn(space="einspace", n=200, max_params=100_000)
    def test_my_compiler(net):
        net.compare(my_compiler(net.onnx)(net.inputs))

A marked test becomes a hypothesis test of its argument `net` (see `einsyn.testing.Net`): failures shrink, and
everything that hypothesis's own plugin offers works. Nothing is imported until a test is marked.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK: Final = (
    "einsyn(space, n=100, **settings): run the test for n networks of a search space, given as its argument `net`; "
    "settings are those of einsyn.testing.architectures: input, params, profile, require, seed, batch, max_params, ..."
)
ARGUMENT: Final = "net"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known to `--strict-markers` and `--markers`."""
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> object:
    """Collect a marked test as the hypothesis test that it stands for."""
    marks = [mark for mark in getattr(obj, "pytestmark", ()) if mark.name == "einsyn"]
    if not marks or not inspect.isfunction(obj) or hasattr(obj, "hypothesis"):
        return None
    wrapped = _wrapped(obj, marks[-1])
    # Pytest looks the function up by its name when it makes the items.
    setattr(collector.obj, name, wrapped)
    return collector.ihook.pytest_pycollect_makeitem(collector=collector, name=name, obj=wrapped)


def _wrapped(test: Callable[..., None], mark: pytest.Mark) -> Callable[..., object]:
    if ARGUMENT not in inspect.signature(test).parameters:
        raise pytest.Collector.CollectError(
            f"{test.__qualname__} is marked with einsyn and does not take the argument {ARGUMENT}"
        )
    options: dict[str, Any] = dict(mark.kwargs)
    if len(mark.args) > 1 or (mark.args and "space" in options):
        raise pytest.Collector.CollectError(
            f"{test.__qualname__}: the mark einsyn takes one space, and the rest by name"
        )
    space = mark.args[0] if mark.args else options.pop("space", None)
    if space is None:
        raise pytest.Collector.CollectError(
            f"{test.__qualname__}: the mark einsyn needs a space: einsyn(space='einspace')"
        )
    number = options.pop("n", 100)

    from einsyn.errors import EinsynError
    from einsyn.testing import architectures

    try:
        strategy = architectures(space, **options)
    except EinsynError as error:
        raise pytest.Collector.CollectError(f"{test.__qualname__}: {error}") from None
    from hypothesis import given, settings

    # Compiling a network takes as long as it takes; whoever wants a deadline sets one below the mark.
    return settings(max_examples=number, deadline=None)(given(**{ARGUMENT: strategy})(test))
