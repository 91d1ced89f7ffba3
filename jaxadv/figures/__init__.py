"""Figures: each function draws on matplotlib axes, from datasets, and returns them."""
