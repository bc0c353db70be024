"""Codes of what can be wrong with objectives, data sets and recipes, and with runs of a search."""

from __future__ import annotations

from typing import Final

EVALUATION_CODES: Final[dict[str, str]] = {
    "E001": "there is no objective of that name, or it lacks what comes after its colon",
    "E002": "a recipe has an unknown setting, or a value of the wrong kind or out of range",
    "E003": "a data set cannot be read, lacks arrays, or has arrays that nothing can be learned from",
    "E004": "a data set does not fit the space",
    "E005": "a table of results is damaged, or has no such columns",
    "E006": "a function cannot be imported",
    "E007": "a requirement is not of the form NAME<NUMBER, or names nothing that is known",
    "E010": "a runtime cannot run a network that is measured",
}

RUN_CODES: Final[dict[str, str]] = {
    "Q001": "a folder holds a run already",
    "Q002": "a folder holds no run, or a damaged one",
    "Q003": "another process is working on a run",
    "Q004": "what is to go on is another search than the one that is stored",
    "Q005": "a run cannot be written",
    "Q006": "a run has no such evaluation",
    "Q007": "there is no strategy of that name, or it has no such option",
    "Q008": "a worker of a run cannot start",
    "Q009": "an evaluation that is done again gives other values",
    "Q010": "no evaluation of a run gave a value",
    "Q011": "nothing that is asked for has weights to inherit",
    "Q012": "the weights of an evaluation cannot be written or made again",
    "Q013": "Ray does not answer, or ended",
    "Q014": "a machine of a Ray cluster cannot evaluate what is asked",
    "Q015": "networks cannot be trained by successive halving in such a search",
    "Q016": "the best of such a search cannot be confirmed by further trainings",
    "Q017": "numpy, which the strategy needs, is not installed",
    "Q021": "runs that are compared did not ask for the same",
    "Q022": "a search is compared with itself",
    "Q023": "a run has fewer evaluations than it is to be compared at",
}
