"""Will a flight land late? The pipeline of the demo."""
