"""The page `/demo`: two people side by side, what they do to each other, and what becomes of it, live."""
