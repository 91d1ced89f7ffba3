"""The first experiment: ascents from many starts over a grid of settings."""
