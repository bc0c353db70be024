"""Every code that einsyn gives has a row in a table, and every row is given somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import einsyn
from einsyn.codes import CODES, FAMILIES, TABLES

PACKAGE = Path(einsyn.__file__).parent
LITERAL = re.compile(r'"([A-Z]\d\d\d)"')


def test_no_code_has_two_meanings() -> None:
    assert len(CODES) == sum(map(len, TABLES))
    assert {code[0] for code in CODES} == set(FAMILIES)


def test_tables_and_source_name_the_same_codes() -> None:
    used = {
        code
        for file in PACKAGE.rglob("*.py")
        if file.name != "codes.py"
        for code in LITERAL.findall(file.read_text(encoding="utf-8"))
    }
    assert used - set(CODES) == set(), "codes without a row"
    assert set(CODES) - used == set(), "rows that nothing gives"
