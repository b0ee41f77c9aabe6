"""A model's files, read as what a stranger may have written: looked at whole before the first number of a weight is."""
