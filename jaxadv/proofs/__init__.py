"""Proofs: bounds of the curvature of a network over all of a set, and what they prove of maxima."""
