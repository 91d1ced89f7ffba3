"""How weights are fitted to data, clean or against an adversary: the outer problem."""
