"""The third experiment: adversarial training at many input scales, rates and seeds at once."""
