"""Tasks, models and experts: everything that turns the inputs of one task into its output."""
