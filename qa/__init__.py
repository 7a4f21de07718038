"""Tiaowen 条问: questions in Chinese or English, answered by cited clauses of policy documents."""

__version__ = "0.1.0"
