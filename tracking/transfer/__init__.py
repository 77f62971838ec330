"""A person's whole account as one file, out and in; and the diaries of other programs, in."""
