"""One customer in Sydney, for the DAGs that bill."""

from __future__ import annotations

import pytest

from tests.billing import Round
from tillflow.db.connection import Connection


@pytest.fixture
def harbour(conn: Connection) -> Round:
    return Round(conn)
