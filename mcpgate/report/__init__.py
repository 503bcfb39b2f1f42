"""What the record of a span of time shows: reports, the bundles behind them, exports, and what if."""
