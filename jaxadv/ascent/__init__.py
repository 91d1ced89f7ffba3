"""How it is maximised: step rules, projected gradient ascent, and certificates of maxima."""
