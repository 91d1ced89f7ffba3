"""What is maximised: networks, losses, constraint sets, the objective, and data."""
