"""Deep Image Prior: from an observation to a picture; it knows no file."""
