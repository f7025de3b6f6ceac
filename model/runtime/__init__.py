"""What runs networks: arrays in, arrays out. Graphs run without torch."""
