"""Finding scratches and dust: thin lines and specks unlike both their sides."""
