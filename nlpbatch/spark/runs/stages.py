"""How far a micro-batch is, by the tasks of its stages, for files that don't say how many rows they have."""

from pyspark import SparkContext


class StageWatch:
    """Counts the tasks of the jobs in one group.

    Args:
        context: Spark's.
        group: The jobs' group; a stream's is its run id.

    """

    def __init__(self, context: SparkContext, group: str) -> None:
        self._status = context.statusTracker()
        self._group = str(group)
        self._before = set(self._status.getJobIdsForGroup(self._group))

    def share(self) -> float:
        """Return the share of ended tasks in all stages that started after this object was made."""
        done = total = 0
        for job in set(self._status.getJobIdsForGroup(self._group)) - self._before:
            info = self._status.getJobInfo(job)
            for stage in info.stageIds if info else ():
                tasks = self._status.getStageInfo(stage)
                if tasks is not None:
                    done += tasks.numCompletedTasks
                    total += tasks.numTasks
        return done / total if total else 0.0
