"""Links from a task to external pages. Operators and sensors import it."""
