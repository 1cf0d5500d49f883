"""`make bench`: airgate beside the floor and beside what else does its job. README.md says what is measured and how."""
