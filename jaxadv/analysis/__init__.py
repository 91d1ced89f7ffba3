"""What finished datasets mean: step counts with censoring, mean-field predictions, figures."""
