"""What a picture repeats: patches that look alike, wherever they lie, estimated together."""
