"""Formats of -o: kubectl's templates, tables and CSV. Pure: values in, text out."""
