"""The stages that a recipe chains."""
