"""Long work is a DAG run: started in this process, in the name of the person, whose grants the DAG looks up again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.api.common.trigger_dag import trigger_dag
from airflow.configuration import conf as airflow_conf
from airflow.exceptions import DagNotFound, DagRunAlreadyExists
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy.exc import SQLAlchemyError

from tillflow.errors import UnavailableError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A DAG run, and its page in Airflow."""

    dag_id: str
    run_id: str

    @property
    def url(self) -> str:
        """A path without a host: it is right behind a proxy as well."""
        root = urlsplit(airflow_conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return f"{root}/dags/{quote(self.dag_id)}/runs/{quote(self.run_id)}"


def start(dag_id: str, run_id: str, params: Mapping[str, Any], *, person: str) -> Run:
    """Start the run; one that exists already is left alone. Raises UnavailableError.

    No logical date: two runs of the same moment do not exclude each other.
    """
    try:
        trigger_dag(
            dag_id,
            run_id=run_id,
            conf=dict(params),
            logical_date=None,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=person,
        )
    except DagRunAlreadyExists:
        log.info("%s %s was started before", dag_id, run_id)
    except DagNotFound:
        raise UnavailableError(f"Airflow has no DAG {dag_id} yet: is its DAG processor running?") from None
    except SQLAlchemyError as error:
        raise UnavailableError(f"Airflow's own database does not answer ({type(error).__name__})") from error
    return Run(dag_id, run_id)
