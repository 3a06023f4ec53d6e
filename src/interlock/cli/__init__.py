"""The command line: reads words, calls the floors below, prints what they return."""
