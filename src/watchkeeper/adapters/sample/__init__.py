"""The sample ops repo and its little fleet: made, started, broken, healed and stopped on this machine."""
