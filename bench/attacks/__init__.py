"""Attacks on a running service, with what others notice of them."""
