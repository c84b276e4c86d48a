"""What several proxies share: a store, leases of quotas, who is alive."""
