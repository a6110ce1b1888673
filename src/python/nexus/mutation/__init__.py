"""Faults planted on purpose, to see which tests notice: `./pants run ci:mutate`."""
