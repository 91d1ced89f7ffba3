"""Experiment 3: adversarial training at many input scales, rates and seeds at once."""
