"""What every HTTP server of ours does before it looks at a request: connections, hosts, origins, keys and bodies."""
