"""The REST API: each module asks the same use cases as the pages, and answers with `Answer`."""
