"""Recipes as DAGs of Apache Airflow 3.

    from nlpbatch.airflow import recipe_dag

    dag = recipe_dag("reviews.toml", schedule="@daily")

Only this package imports Airflow, and only `dag`, `operator` and `sensor` in it: what they decide is in other files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nlpbatch.airflow.dag import recipe_dag
    from nlpbatch.airflow.operator import RecipeStageOperator
    from nlpbatch.airflow.sensor import SourceSensor

__all__ = ["RecipeStageOperator", "SourceSensor", "recipe_dag"]

_HOMES: Final = {"RecipeStageOperator": "operator", "SourceSensor": "sensor", "recipe_dag": "dag"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nlpbatch.airflow.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
