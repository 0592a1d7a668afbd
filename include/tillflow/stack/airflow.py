"""Airflow's configuration for one stack, as environment variables: nothing is read or written.

The same values serve the running stack, the demo, tests and `dag.test()`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tillflow.settings import REPOSITORY
from tillflow.stack.ports import HOST

USERS = {
    "admin": "admin",
    "uploader": "user",
    "lottery_admin": "user",
    "provider": "user",
    "customer_user": "user",
    "auditor": "viewer",
}
"""The stack's users -> their Airflow role; what they may do in Tillflow is Tillflow's own table."""


def airflow_environment(
    home: Path,
    *,
    metadata_url: str,
    database_url: str,
    fernet_key: str,
    jwt_secret: str,
    web_port: int = 8080,
    smtp_port: int = 25,
    mail_from: str = "tillflow@tillflow.example",
    connections: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Everything Airflow is told.

    `metadata_url`: Airflow's own database, `postgresql+psycopg2://` or `sqlite:///`.
    `database_url`: Tillflow's, `postgresql://`, as the application's login.
    `fernet_key`: 32 bytes, URL-safe base64. `connections`: further connections, id -> a URL or
    the JSON object Airflow takes.
    """
    web = f"http://{HOST}:{web_port}"
    smtp = {
        "conn_type": "smtp",
        "host": HOST,
        "port": smtp_port,
        "extra": {"disable_ssl": True, "disable_tls": True, "from_email": mail_from},
    }
    known = {"tillflow_db": database_url, "tillflow_smtp": smtp, **(connections or {})}
    options = {
        **_core(home),
        **_start_up(),
        "CORE__EXECUTION_API_SERVER_URL": f"{web}/execution/",
        "CORE__FERNET_KEY": fernet_key,
        "API__BASE_URL": web,
        "API__HOST": HOST,
        "API__PORT": str(web_port),
        "API__SECRET_KEY": jwt_secret,  # signs the session cookie of the sign-in form
        "API_AUTH__JWT_SECRET": jwt_secret,
        "API_AUTH__JWT_ISSUER": "tillflow",
        "DATABASE__SQL_ALCHEMY_CONN": metadata_url,
    }
    return {
        "AIRFLOW_HOME": str(home / "airflow"),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        **{
            f"AIRFLOW_CONN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in known.items()
        },
        "PYTHONPATH": str(REPOSITORY / "include"),
        "TILLFLOW_HOME": str(home),
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


def _core(home: Path) -> dict[str, str]:
    return {
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "8",  # 32 workers would hold 1 GB
        "CORE__AUTH_MANAGER": ("airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{u}:{role}" for u, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "secrets" / "airflow_users.json"),
        "API__INSTANCE_NAME": "Tillflow",
        "API__WORKERS": "1",
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_files"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _start_up() -> dict[str, str]:
    """A laptop, one person waiting: react quickly where it costs little."""
    return {
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",  # 0.1 takes a tenth of a processor
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",  # seconds until a new or changed DAG file is noticed
        # What has not changed is read again this seldom: every 10 s took a third of a processor for good.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    }
