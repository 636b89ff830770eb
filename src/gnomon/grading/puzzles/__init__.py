"""Verifiers of logic puzzles: by their rules where a puzzle may have several solutions."""
