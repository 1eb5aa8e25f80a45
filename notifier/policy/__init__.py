"""What to do: who is told, when, why not, and when to try again. Pure functions of their arguments."""
