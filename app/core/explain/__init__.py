"""Reasons as data made into text for people: short, grouped, in a stable order."""

from app.core.explain.text import grouped, headline, node_message, summary

__all__ = ["grouped", "headline", "node_message", "summary"]
