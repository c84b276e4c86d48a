"""Files that have a recipe run on a schedule: a DAG of Airflow, a timer of systemd, a CronJob of Kubernetes."""

from nlpbatch.schedule.cron import Cron
from nlpbatch.schedule.planned import Planned
from nlpbatch.schedule.writers import WRITERS

__all__ = ["WRITERS", "Cron", "Planned"]
