"""What the team runs. `loading.load` makes it from files; this package itself imports nothing heavy."""
