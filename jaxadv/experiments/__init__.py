"""What the experiments have in common: specifications, random draws, notes of what was run."""
