"""Decode image, video and audio under limits."""
