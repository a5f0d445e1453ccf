"""A page in the browser on which one paints what is broken and has it restored."""
