"""Reward terms and their combination."""
