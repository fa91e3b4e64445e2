"""Networks: arrays in, arrays out, no files."""
