"""The wheel: triggers that wake it, and the supervisor that turns it."""
