"""The oracle: what must become of every row, from the rules alone and without a database.

`docs/decisions/0003-judgement-edges.md` decides the edges; the judge reads it independently.
"""

from __future__ import annotations

from tillflow.samples.expected import Balance, Expected, balance
from tillflow.samples.offline_oracle import OfflineOracle
from tillflow.samples.sync_oracle import SyncOracle

__all__ = ["Balance", "Expected", "OfflineOracle", "SyncOracle", "balance"]
