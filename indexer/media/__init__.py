"""Containers: what they hold, their frames and images, and new files cut from them."""
