"""What rules cost and what they catch: the command `profile`, and samples while the program runs."""
