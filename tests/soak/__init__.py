"""Mixed traffic for an hour while everything around the gateway changes: `make soak`."""
