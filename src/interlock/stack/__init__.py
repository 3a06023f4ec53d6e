"""Configuration, the sockets, and the discovery of what fills them."""
