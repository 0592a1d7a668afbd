"""Trigger-form fields that several DAGs share."""

from __future__ import annotations

from airflow.sdk import Param

#: a file by the import it became, or by its name in the inbox
FILE_PARAMS = {
    "import_id": Param(
        None, type=["null", "integer"], minimum=1, title="Import", description="number of a file that was taken already"
    ),
    "file": Param(
        None, type=["null", "string"], maxLength=255, title="File", description="or the name of a file in the inbox"
    ),
}
CHANNEL_PARAM = Param(
    None,
    type=["null", "string"],
    pattern="^[a-z0-9_-]{1,40}$",
    title="Channel",
    description="of the file in the inbox; its sales come from there",
)
