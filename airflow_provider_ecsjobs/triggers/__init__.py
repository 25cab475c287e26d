"""The trigger, which waits in the triggerer. It imports hooks and all below them."""
