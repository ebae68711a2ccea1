"""HTML reports of runs, comparisons of runs, and plots."""
