"""Wide holes filled with pieces that are copied from elsewhere in the picture."""
