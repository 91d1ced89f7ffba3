"""Labelled inputs: images and arrays from the files that people have."""
