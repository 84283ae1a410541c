"""Runs at the times of a cron, on one machine: one at a time, with a history."""
