"""Links from a task to a page elsewhere. Operators and sensors import it."""
