"""Tests of reports and of what is behind them."""
