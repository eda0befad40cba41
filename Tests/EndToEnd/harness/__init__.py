"""The real things that the end-to-end tests and `make run` put together, each on loopback and in a folder of its own."""
