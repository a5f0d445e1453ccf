"""The pictures that networks learn from."""
