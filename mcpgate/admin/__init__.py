"""The admin process: the dashboard, health and metrics, beside the gate and never in its way."""
