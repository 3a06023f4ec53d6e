"""Formats: how Python values become bytes and values again, one file a format."""
