"""One file or a folder of them: read, understand, restore, write."""
