"""The trigger, which waits in the triggerer. Imports hooks and all below them."""
