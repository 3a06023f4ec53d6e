"""From runs to model versions: bundles, codec, gates, parity, comparison, registry."""
