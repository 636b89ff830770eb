"""Read an answer in a text and compare it with a reference."""
