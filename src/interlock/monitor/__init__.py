"""What an endpoint sees and how well it does: drift, delayed truth, performance over time."""
