"""The admin pages: the delivery log and all around it, for those who look after the service."""
