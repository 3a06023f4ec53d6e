"""Steps, tracing, pipelines, slices and leakage. Pure: no file, no clock, no database."""
