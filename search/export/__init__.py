"""Moments as files: lists, timelines and cuts."""
