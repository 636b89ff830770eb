"""Auxiliary rollouts: a second model reads what the policy wrote."""
