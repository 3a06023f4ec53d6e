"""What happened: runs, models, signals, deployments, in SQL that can be rebuilt from the store's manifests."""
