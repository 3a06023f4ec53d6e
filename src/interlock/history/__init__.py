"""What happened, looked back at: why a step ran, what differs between runs, and runs made again."""
