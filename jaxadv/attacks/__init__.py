"""Attacks on a network at many inputs, from many starts, in sets of several sizes."""
