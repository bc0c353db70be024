"""What runs of searches say: a page about one, statistics that compare several."""
