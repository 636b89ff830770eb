"""Reinforcement learning: the loop and the mathematics it is made of."""
