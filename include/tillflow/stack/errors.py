"""What can go wrong with the stack: one clear line for whoever typed the command."""

from __future__ import annotations

import errno
import os

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class StackError(Exception):
    """The stack cannot do what was asked; the message says why and what to do."""


def one_line(error: BaseException) -> str:
    """The message to show for `error`, without a traceback and on one line."""
    text = " ".join(str(error).split())
    where = getattr(error, "filename", None)
    if os.strerror(errno.ENOSPC) in text:  # also out of the log of PostgreSQL or Airflow
        return f"the disk is full{f' ({where})' if where else ''}; free some space and start again"
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE and where:
        return f"cannot write to {where}; TILLFLOW_HOME names another folder"
    return text or type(error).__name__
