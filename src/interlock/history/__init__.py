"""What was: why a step ran, what differs between runs, runs made again, and works shared and brought back."""
