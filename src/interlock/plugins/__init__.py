"""Outside systems, one or a few files for each. They are found through entry points only: nothing imports this room."""
