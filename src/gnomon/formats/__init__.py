"""Output formats: what is asked for, what a perfect response looks like, how one is read."""
