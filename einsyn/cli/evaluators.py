"""Who evaluates what a search proposes, as the command line says it."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from einsyn.search.executors import Executor
    from einsyn.search.run import Run


class ExecutorName(Enum):
    """Who evaluates."""

    AUTO = "auto"
    IN_PROCESS = "in-process"
    POOL = "pool"
    RAY = "ray"


class Evaluators(NamedTuple):
    """Who evaluates, where, and how many at a time. What comes out does not depend on it.

    Args:
        name: of the executor.
        address: of a Ray cluster.
        workers: None for one for each core.
    """

    name: ExecutorName
    address: str | None
    workers: int | None

    @classmethod
    def of(cls, name: ExecutorName, address: str | None, workers: int | None) -> Evaluators:
        """What options say. Raises UsageError U000."""
        if address is not None and name is not ExecutorName.RAY:
            raise UsageError(Diagnostic("U000", "--address needs --executor ray", hint="einsyn search --help"))
        return cls(name, address, workers)

    def make(self, run: Run) -> Executor:
        """The executor for a run whose objectives are prepared."""
        from einsyn.search.cluster import Cluster
        from einsyn.search.executors import InProcess
        from einsyn.search.origin import Origin
        from einsyn.search.pool import Pool

        light = all(each.light for each in run.objectives)
        if self.name is ExecutorName.IN_PROCESS or (self.name is ExecutorName.AUTO and light and self.workers is None):
            return InProcess(run.objectives, run.plan.seed)
        alone = any(each.alone for each in run.objectives)
        workers = 1 if alone and self.workers is None else self.workers
        plan = run.plan
        bounds: dict[str, Any] = {"timeout": plan.timeout, "memory": plan.memory}
        if self.name is ExecutorName.RAY:
            return Cluster(run.space, run.objectives, plan.seed, address=self.address, workers=workers, **bounds)
        count = workers or len(os.sched_getaffinity(0))
        return Pool(Origin.of(run.space), run.objectives, plan.seed, workers=count, **bounds)
