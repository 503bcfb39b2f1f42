"""What a monitoring system reads at C{/metrics}: counted off the journal, and what a gate says of itself."""
