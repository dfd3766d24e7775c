"""What every part of CEL shares: syntax tree, types, signatures, errors. It imports no other part."""
