"""The demonstration: a network founded by strangers, and one trade from field to shelf to loan on it."""
