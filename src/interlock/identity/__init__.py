"""When are two things the same: digests of values, fingerprints of code, environments, work trees."""
