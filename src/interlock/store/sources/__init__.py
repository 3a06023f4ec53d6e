"""Datasets: where they are, their snapshots, and their rows as they were in a snapshot."""
