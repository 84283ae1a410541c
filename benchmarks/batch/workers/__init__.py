"""What runs in fresh processes, so that nothing but one contender is measured."""
