"""The last run of each of Tillflow's DAGs, as Airflow recorded it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, select

from tillflow.web.dag_runs import Run


@dataclass(frozen=True, slots=True)
class LatestRun:
    """A run: how it is, when it began and ended."""

    run: Run
    state: str
    started_at: datetime | None
    ended_at: datetime | None


def latest_runs() -> list[LatestRun]:
    """One run for each DAG that ever ran, in the order of their names."""
    with create_session() as session:
        latest = (
            select(func.max(DagRun.id))
            .join(DagModel, DagModel.dag_id == DagRun.dag_id)
            .where(DagModel.tags.any(name="tillflow"))
            .group_by(DagRun.dag_id)
        )
        found = session.execute(
            select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.end_date)
            .where(DagRun.id.in_(latest))
            .order_by(DagRun.dag_id)
        )
        return [
            LatestRun(Run(dag_id, run_id), str(state), began, ended) for dag_id, run_id, state, began, ended in found
        ]
