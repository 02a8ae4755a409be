"""The hub's web server: admin, dashboard, API and monitoring."""
