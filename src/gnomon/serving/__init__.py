"""A local model as an OpenAI-compatible endpoint."""
