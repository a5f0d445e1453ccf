"""One module for each library that decodes and encodes files; `images.py` is the door to them."""
