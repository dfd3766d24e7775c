"""From text to a syntax tree, as cel-go parses it: same limits of length and nesting, macros expanded."""
