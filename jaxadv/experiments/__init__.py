"""What the experiments have in common: specifications, random draws, a part of their grids."""
