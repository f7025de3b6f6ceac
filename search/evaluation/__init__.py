"""Measures of a library: retrieval over annotations, and judged queries."""
