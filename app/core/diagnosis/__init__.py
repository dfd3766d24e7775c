"""Turns reasons, which are data, into text for people: short, grouped, in a stable order."""

from app.core.diagnosis.messages import distance, grouped, headline, node_message, summary

__all__ = ["distance", "grouped", "headline", "node_message", "summary"]
