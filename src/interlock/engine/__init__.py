"""From a graph to a recorded run: look up in the cache, execute, record."""
