"""Composition root (grows with the rooms)."""
