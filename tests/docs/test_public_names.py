"""The names that `import einsyn` offers."""

from __future__ import annotations

from pkgutil import iter_modules
from types import ModuleType

import einsyn


def test_no_public_name_is_that_of_a_submodule() -> None:
    # Importing a submodule binds its name in the package, and would hide a function of that name.
    assert not {module.name for module in iter_modules(einsyn.__path__)} & set(einsyn.__all__)


def test_every_public_name_is_there_whatever_was_imported_before() -> None:
    import einsyn.cli.main
    import einsyn.loading

    for name in einsyn.__all__:
        assert not isinstance(getattr(einsyn, name), ModuleType), name
    assert einsyn.__dir__() == sorted(einsyn.__all__)
