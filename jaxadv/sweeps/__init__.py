"""Experiment 1: many trials over a grid of settings, from a specification to a dataset."""
