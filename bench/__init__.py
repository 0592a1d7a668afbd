"""Benchmarks: an import against plain COPY and against peers, in one run on one file."""
