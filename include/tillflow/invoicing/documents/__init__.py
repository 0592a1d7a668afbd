"""Renderings of an invoice: lists and workbooks for people, a PDF, files for accounting programs.

Each takes values of `tillflow.invoicing.model` and computes no money of its own.
"""
