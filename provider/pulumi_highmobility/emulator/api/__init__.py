"""The platform's calls: what each does, who may make it, what was asked, and faults on demand."""
