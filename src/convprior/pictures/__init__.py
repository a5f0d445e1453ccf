"""Files to pictures and back: nothing lost, nothing stretched."""
