"""Pages of `docs/` that are made from the code: `python -m tillflow.docs_pages` writes them again."""
