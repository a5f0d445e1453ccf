"""What was observed of a picture, how it came about, and how good a restoration is."""
