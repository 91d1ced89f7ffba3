"""Statistics of finished datasets: cells and their quantities, with intervals over networks."""
