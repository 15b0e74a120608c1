"""Tests in which nothing is shared but files: every push and every read is an operating-system process of its own."""
