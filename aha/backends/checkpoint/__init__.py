"""A model's files, read as untrusted data: they are checked as a whole before the first number of a weight is read."""
