"""What is maximised: networks, losses, constraint sets and the objective."""
