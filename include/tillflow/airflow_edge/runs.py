"""Who started a run, as the grants need it."""

from __future__ import annotations

from typing import Any


def started_by(context: Any) -> tuple[str, bool]:
    """The name, and whether it is a person's, whose grants are then checked.

    A scheduled run, and `dag.test()`, which needs the installation's own secrets, are the system's.
    """
    user = context["dag_run"].triggering_user_name
    return (user, True) if user and user != "dag_test" else ("inbox", False)
