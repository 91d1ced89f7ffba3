"""An experiment: how regular is the landscape of the adversarial loss, and where does ascent go?"""
