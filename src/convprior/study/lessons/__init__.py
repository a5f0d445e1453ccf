"""One operation of a convolutional network at a time, by hand."""
