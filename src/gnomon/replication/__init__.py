"""Controlled experiments: does a published variant help when everything else is equal?"""
