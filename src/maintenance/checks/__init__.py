"""Whether what a network says of itself is true, and how it becomes so again."""
