"""The demo: a year of flights, a loop that keeps a model alive, and a client that never stops asking."""
