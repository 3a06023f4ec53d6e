"""Formats: how Python values become stored bytes and values again, one file for each kind of value."""
