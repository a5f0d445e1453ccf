"""Networks that learn to name what is in a picture: blueprint, cost, Lightning."""
