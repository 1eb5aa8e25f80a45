"""HTTP in, HTTP out: what upstream apps post and ask, what people click, what admins read."""
