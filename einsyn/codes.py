"""Every stable code of a diagnostic with its meaning, collected from all parts of einsyn.

The letter is the family. A code never changes its meaning; a code that is not used any more is not given away again.
"""

from __future__ import annotations

from typing import Final

from einsyn.elaborate.codes import LIMIT_CODES, VALUE_CODES
from einsyn.evaluate.codes import EVALUATION_CODES, RUN_CODES
from einsyn.grammar.codes import CODES as GRAMMAR_CODES
from einsyn.ir.codes import BACKEND_CODES, OP_CODES, TEXT_CODES, TYPE_CODES
from einsyn.rewrite.codes import CODES as REWRITE_CODES
from einsyn.weights.codes import CODES as WEIGHTS_CODES

FAMILIES: Final[dict[str, str]] = {
    "A": "the text of an architecture",
    "B": "backends: torch and ONNX",
    "D": "definitions, and what alternatives denote",
    "E": "objectives, data sets and recipes",
    "F": "files",
    "G": "the grammar of a space and its pragmas and directives",
    "I": "the text form of the graph",
    "L": "limits",
    "O": "operations of your own",
    "Q": "searches and their runs",
    "R": "rewriting",
    "S": "sampling",
    "T": "tensor types",
    "U": "usage: arguments, options, parameters",
    "V": "values while definitions run",
    "W": "weights: files of them, and what one network takes over from another",
    "X": "einsyn itself",
}

DEFINITION_CODES: Final[dict[str, str]] = {
    "D001": "a character starts no token of the definition language",
    "D002": "a definition breaks the syntax",
    "D003": "an expression nests too deeply or is too long",
    "D004": "a parameter is given twice or stands in a wrong place",
    "D005": "an argument is given twice or stands in a wrong place",
    "D006": "a number is too long or out of range",
    "D010": "a name is not bound",
    "D011": "a call gives a wrong number of arguments",
    "D012": "something is called that is neither an arrow nor a macro",
    "D013": "a call names an argument that does not exist",
    "D020": "definitions call each other in a circle",
    "D030": "an alternative with no or several children has no name",
    "D031": "an alternative denotes neither a definition nor a primitive",
    "D032": "an alternative gives what it denotes a wrong number of arguments",
    "D033": "an alternative gives a primitive an attribute that it refuses",
    "D034": "the alternatives of a rule await different arguments or tensors",
    "D041": "a primitive is given an attribute that it does not have, or one too many",
    "D042": "a primitive is not given an attribute that it needs",
    "D050": "the space declares no input",
}

ANALYSIS_CODES: Final[dict[str, str]] = {
    "D060": "a definition is not used (note)",
    "D061": "a parameter is not used (note)",
    "D062": "a definition hides a primitive (note)",
    "D063": "an argument hides a parameter, definition or primitive (note)",
    "D064": "a parameter hides a definition or primitive (note)",
    "D065": "a local name hides a parameter, definition or primitive (note)",
    "D066": "a parameter has the name of an input (note)",
    "G120": "recursion that grows without end (warning)",
    "G121": "no weights of the recursive rules give the wanted expected size",
    "G122": "an alternative or a value that is in no architecture (warning), or in none that was seen (note)",
    "G123": "a space without any architecture (warning)",
}

SAMPLING_CODES: Final[dict[str, str]] = {
    "S001": "too many draws in a row were rejected",
    "S002": "fewer different architectures exist, or were found, than were asked for",
}

FILE_CODES: Final[dict[str, str]] = {
    "F001": "a file does not exist",
    "F002": "a directory was given in place of a file",
    "F003": "something that is not a regular file was given",
    "F004": "a file is too large",
    "F005": "a file is not UTF-8 text",
    "F006": "a file cannot be read",
    "F007": "a line of an `.arch` file is not understood",
    "F008": "a file is not an ONNX model, or its metadata is damaged",
    "F009": "a file cannot be written",
    "F010": "a finding or the state of a fuzzing run is damaged",
    "F011": "a folder holds a fuzzing run already, or another one than is to go on",
}

USAGE_CODES: Final[dict[str, str]] = {
    "U000": "the command line has an unknown command or option, or lacks an argument",
    "U001": "there is no such limit",
    "U003": "a count or limit is negative",
    "U004": "the space has no reference of that name",
    "U005": "there is no shipped space of that name",
    "U006": "the space has no profile of that name",
    "U007": "the space has no input of that name, or several inputs and none was named",
    "U008": "the type given for an input is not a type",
    "U009": "a limit on the command line is not a whole number",
    "U012": "an architecture is missing on the command line",
    "U013": "an output file is neither `.py` nor `.onnx`, nor `.safetensors` where weights can be written",
    "U014": "an option is not of the form NAME=VALUE, or gives a name twice",
    "U015": "there is no operation of that name",
    "U016": "a plugin cannot be imported",
    "U017": "the file of a plot is no `.svg` file",
    "U018": "a wanted expected size is no number above 0",
    "U020": "there is nothing of that name to run networks with",
    "U021": "what is to run networks cannot be loaded",
    "U022": "a runtime would be compared with itself",
    "U023": "a time is not written as 90s, 10m or 2h, or is not above 0",
    "U024": "there is no way of rewriting of that name",
    "U030": "a drawing is asked of what cannot be drawn",
    "U031": "the space that a file states is not here, or has changed",
}

INTERNAL_CODES: Final[dict[str, str]] = {
    "X001": "an error inside einsyn, which is a bug",
}

TABLES: Final[tuple[dict[str, str], ...]] = (
    GRAMMAR_CODES,
    TYPE_CODES,
    TEXT_CODES,
    BACKEND_CODES,
    OP_CODES,
    DEFINITION_CODES,
    VALUE_CODES,
    LIMIT_CODES,
    ANALYSIS_CODES,
    SAMPLING_CODES,
    REWRITE_CODES,
    FILE_CODES,
    EVALUATION_CODES,
    RUN_CODES,
    WEIGHTS_CODES,
    USAGE_CODES,
    INTERNAL_CODES,
)

CODES: Final[dict[str, str]] = {code: meaning for table in TABLES for code, meaning in sorted(table.items())}
