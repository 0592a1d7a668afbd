"""Write every generated page: `PYTHONPATH=include python -m tillflow.docs_pages`."""

from __future__ import annotations

import sys

from tillflow.docs_pages.error_codes import ERROR_CODES_PAGE, error_codes_page

ERROR_CODES_PAGE.write_text(error_codes_page(), encoding="utf-8")
sys.stdout.write(f"wrote {ERROR_CODES_PAGE.name}\n")
