"""What others offer for the same work, one file each; none imports gpbop, so that each may have its own environment."""
